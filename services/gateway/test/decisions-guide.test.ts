import { readFileSync } from 'node:fs';
import { parseResources } from '@everloop/contracts';
import { expect, it } from 'vitest';
import { readObject, readPredict, readRewards } from '../src/adapters/serving-json.ts';
import { rewardProblems } from '../src/domain/reward-checks.ts';

const guide = readFileSync(new URL('../../../docs/guides/decisions.md', import.meta.url), 'utf8');
const blocks = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, text = '']) => text);

it('the resources of the guide on decisions can be applied', () => {
  const resources = parseResources([{ name: 'guide.yaml', text: blocks('yaml').join('---\n') }]);
  expect(resources.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    ...['Source/visits', 'Model/banner', 'Rollout/banner'],
  ]);
});

it('its calls are taken', () => {
  const calls = [...guide.matchAll(/curl -s 127\.0\.0\.1:8101(\S+) -d '(.*)'/g)];
  expect(calls).toHaveLength(3);
  for (const [, path = '', body = ''] of calls) {
    const json = readObject(Buffer.from(body));
    if (!json.ok) throw new Error(body);
    if (path !== '/v1/rewards') {
      expect(readPredict('banner', json.value)).toMatchObject({
        ok: true,
        value: { features: { visit: 'v1', age: 30 } },
      });
      continue;
    }
    const rewards = readRewards(json.value, 1_000);
    if (!rewards.ok) throw new Error(rewards.reasons.join());
    for (const reward of rewards.value) expect(rewardProblems(reward, { min: 0, max: 1 }, 0)).toEqual([]);
  }
});
