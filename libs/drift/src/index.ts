export { withImportance } from './columns/importance.ts';
export { buildReferences, plainReference } from './columns/references.ts';
export { baselineProblem, prepareBaseline, type Baseline } from './panes/baseline.ts';
export { likenessUnitsMax, withIntraclass } from './panes/intraclass.ts';
export { countPanes, PaneGatherer } from './panes/pane-gatherer.ts';
export { countPane, type PaneRows } from './panes/pane.ts';
export { RowDecoder } from './rows/row-decoder.ts';
export type { Row } from './rows/row.ts';
export { hasEveryPhase } from './phases/phase.ts';
export {
  historyProblem,
  phaseReferences,
  referenceFor,
  type PhaseReferences,
  type Reference,
} from './phases/references.ts';
export { evaluateWindow, policyOf } from './judge/evaluate.ts';
export { newAlarm, stepAlarm, type AlarmRule, type AlarmState, type AlarmStep } from './decide/alarm.ts';
export { askAgain, decide, withoutMonitor } from './decide/decide.ts';
export {
  noFacts,
  type Decided,
  type Evaluation,
  type Facts,
  type MonitorState,
  type RequestEnd,
} from './decide/types.ts';
export { estimatePerformance } from './quality/estimate.ts';
export { judgePerformance } from './quality/performance.ts';
export { judgedBy } from './quality/slices.ts';
export {
  closeWindow,
  createQualityState,
  dueQuality,
  forget,
  hourKey,
  qualityMonitors,
  takeOutcomes,
  trackKey,
  type Judged,
  type QualityMonitor,
} from './quality/state.ts';
export type { OutcomeHour } from './quality/outcomes.ts';
export type { Promised, Track } from './quality/track.ts';
export { calibrate, calibration, type CalibrationInput } from './budget/calibrate.ts';
export { unknownPlan } from './budget/plan.ts';
export { debounce, type DebounceRule } from './budget/debounce.ts';
export { codeOf, traceOf, type WindowTrace } from './budget/trace.ts';
export {
  createWindowState,
  isFarAhead,
  restoreChange,
  takeChanges,
  takeDisplaced,
  takePane,
  type NamedMonitor,
} from './windows/state.ts';
export { withLearned } from './windows/learned.ts';
export { closeWindows, type DueWindow } from './windows/windows.ts';
