export { baselineProblem, prepareBaseline, type Baseline } from './panes/baseline.ts';
export { countPane, groupRows, type PaneRows } from './panes/pane.ts';
export { evaluateWindow, policyOf } from './judge/evaluate.ts';
export { judgeWindow, type Judgement } from './judge/judge.ts';
export { closeWindows, createWindowState, takePane, type NamedMonitor } from './windows/windows.ts';
export { newAlarm, stepAlarm, type AlarmRule, type AlarmState, type AlarmStep } from './decide/alarm.ts';
export { askAgain, decide } from './decide/decide.ts';
export {
  noFacts,
  type Decided,
  type Evaluation,
  type Facts,
  type MonitorState,
  type RequestEnd,
} from './decide/types.ts';
