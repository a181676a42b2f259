import type { Part } from '@everloop/service';
import type { TaskRunnerOptions, TopicSpec, FollowOptions } from '@everloop/kafka';

/** What the validator needs of the message bus; `Bus` of @everloop/kafka has it. */
export interface Stream {
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** Largest record that a topic takes, bytes. */
  messageBytesMax(topic: string): Promise<number>;
  follow(options: FollowOptions): Part;
  tasks(options: TaskRunnerOptions): Part;
}
