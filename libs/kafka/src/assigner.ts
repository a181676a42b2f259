import type { PartitionAssigner } from 'kafkajs';
import { kafkajs } from './kafkajs-patches.ts';

const name = 'EverloopCopartitioned';

/**
 * Which member gets which partition numbers: every input's partition p goes to the same member, each member gets
 * `partitions / members` of them rounded up or down, and a member keeps what it had as far as that allows.
 * `before` tells what a member held; claims on the same number go to the first member in order of id. O(members · partitions).
 */
export function assignPartitions(
  members: readonly { readonly memberId: string; readonly before: readonly number[] }[],
  partitions: number,
): ReadonlyMap<string, readonly number[]> {
  const ordered = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : a.memberId > b.memberId ? 1 : 0));
  const assigned = new Map<string, number[]>(ordered.map((m) => [m.memberId, []]));
  if (ordered.length === 0) return assigned;
  const free = new Set(Array.from({ length: partitions }, (_, p) => p));
  const least = Math.floor(partitions / ordered.length);
  let extras = partitions % ordered.length;
  for (const { memberId, before } of ordered) {
    const kept = assigned.get(memberId) ?? [];
    for (const p of [...before].sort((a, b) => a - b)) {
      const takesExtra = kept.length === least && extras > 0;
      if ((kept.length >= least && !takesExtra) || !free.delete(p)) continue;
      kept.push(p);
      if (takesExtra) extras -= 1;
    }
  }
  for (const p of free) {
    const target = leastLoaded(assigned);
    target?.push(p);
  }
  for (const list of assigned.values()) list.sort((a, b) => a - b);
  return assigned;
}

function leastLoaded(assigned: ReadonlyMap<string, number[]>): number[] | undefined {
  let least: number[] | undefined;
  for (const list of assigned.values()) if (least === undefined || list.length < least.length) least = list;
  return least;
}

/** The assigner as kafkajs wants it. `held` gives what this member holds when it joins. */
export function copartitionedAssigner(held: () => readonly number[]): PartitionAssigner {
  const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
  return ({ cluster }) => ({
    name,
    version: 0,
    protocol: ({ topics }) => ({
      name,
      metadata: MemberMetadata.encode({ version: 0, topics, userData: Buffer.from(JSON.stringify(held())) }),
    }),
    assign: ({ members, topics }) => {
      const counts = new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]));
      const claims = members.map((m) => ({
        memberId: m.memberId,
        before: decodeHeld(MemberMetadata.decode(m.memberMetadata)?.userData),
      }));
      const byMember = assignPartitions(claims, Math.max(0, ...counts.values()));
      return Promise.resolve(
        [...byMember].map(([memberId, numbers]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version: 0,
            userData: Buffer.alloc(0),
            assignment: Object.fromEntries(
              [...counts].map(([topic, count]) => [topic, numbers.filter((p) => p < count)]),
            ),
          }),
        })),
      );
    },
  });
}

function decodeHeld(userData: Buffer | undefined): readonly number[] {
  try {
    const value: unknown = JSON.parse(userData?.toString() ?? '[]');
    return Array.isArray(value) ? value.filter((p): p is number => Number.isSafeInteger(p)) : [];
  } catch {
    return [];
  }
}
