import type { Part } from '@everloop/service';
import type { TaskRunnerOptions, TopicSpec, FollowOptions } from '@everloop/kafka';

/** What the validator needs of the message bus; `Bus` of @everloop/kafka has it. */
export interface Stream {
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  follow(options: FollowOptions): Part;
  tasks(options: TaskRunnerOptions): Part;
}
