import { counterFeed } from './counter-feed.ts';
import { testBus } from './support.ts';

/* A process that runs a counting feed until it is killed. */
const [groupId = '', stateTopic = '', to = '', total = ''] = process.argv.slice(2);
const bus = testBus({ sessionTimeoutMs: 6_000 });
await bus.start();
const runner = bus.feeds({ groupId, stateTopic });
runner.set('numbers', counterFeed(to, Number(total), 20));
await runner.start();
