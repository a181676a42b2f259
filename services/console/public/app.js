/* Draws /api/events. Text goes in as text nodes only, so no name from outside can become markup. */
'use strict';

const byId = (id) => document.getElementById(id);
const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const minute = (ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const number = (value, digits = 0) =>
  value === null || value === undefined
    ? '–'
    : value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const hours = (ms) => (ms === 0 ? 'level' : `${number(ms / 3600000, 1)} h behind`);

/* The order of the loop; a stage that has not reported yet is shown as waiting. */
const order = [
  'validator',
  'validator · windows',
  'feature-store · online',
  'gateway · log',
  'outcomes',
  'drift-detector · panes',
  'drift-detector · windows',
  'trainer',
  'rollout',
  'gateway · routes',
];

function drawLoop(stages) {
  const names = [...order, ...stages.map((stage) => stage.name).filter((name) => !order.includes(name))];
  byId('loop').replaceChildren(
    ...names.map((name) => {
      const stage = stages.find((other) => other.name === name);
      if (!stage)
        return element('li', { class: 'waiting' }, element('strong', {}, name), element('span', {}, 'waiting'));
      const rate = stage.recordsPerSecond === null ? '' : `${number(stage.recordsPerSecond)} records/s`;
      return element(
        'li',
        { class: stage.lagMs > 86400000 ? 'behind' : '' },
        element('strong', {}, name),
        element('span', {}, minute(stage.watermarkMs)),
        element('span', {}, hours(stage.lagMs)),
        element('span', {}, rate),
      );
    }),
  );
}

function table(headings, rows) {
  const head = element(
    'tr',
    {},
    ...headings.map(([text, css]) => element('th', { scope: 'col', class: css ?? '' }, text)),
  );
  return element(
    'div',
    { class: 'scroll', tabindex: '0' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
  );
}
const cell = (text, css = '') => element('td', { class: css }, text);

function drawModels(models) {
  const known = models.filter(({ versions }) => versions.length > 0);
  if (known.length === 0) return;
  byId('models').replaceChildren(
    ...known.flatMap((model) => [
      element('h3', {}, model.model),
      table(
        [
          ['Version'],
          ['Stage'],
          ['Traffic'],
          ['Trained'],
          ['Because of'],
          ['Rows', 'number'],
          ['AUC', 'number'],
          ['Gates'],
        ],
        model.versions.map((version) => {
          const roles = model.traffic.filter((traffic) => traffic.version === version.version);
          const traffic = roles.map(({ role, share }) => `${role} ${number(share * 100, 0)} %`).join(', ') || '–';
          const gates = version.gates.map((gate) => {
            const mark = gate.verdict === 'pass' ? 'pass' : gate.verdict === 'fail' ? 'fail' : '';
            return element('span', { class: mark, title: gate.detail }, `${gate.name} ${gate.verdict} `);
          });
          const auc = Object.entries(version.metrics).find(([name]) => /auc/i.test(name));
          return element(
            'tr',
            {},
            cell(version.version),
            cell(version.stage),
            cell(traffic),
            cell(day(version.trainedAtMs)),
            cell(version.trigger),
            cell(number(version.rows), 'number'),
            cell(number(auc?.[1], 3), 'number'),
            element('td', {}, ...gates),
          );
        }),
      ),
    ]),
  );
}

/* A line through the last values; the dashed line is a limit, where there is one. */
const svg = (name, attributes, ...children) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
function spark(values, label, { limit = null, low = null, high = null } = {}) {
  const known = [...values, limit].filter((value) => value !== null);
  const bottom = low ?? Math.min(...known);
  const top = Math.max(high ?? -Infinity, ...known);
  const x = (index) => ((index / Math.max(1, values.length - 1)) * 96 + 2).toFixed(1);
  const y = (value) => (20 - ((value - bottom) / (top - bottom || 1)) * 18).toFixed(1);
  const points = values.flatMap((value, index) => (value === null ? [] : [`${x(index)},${y(value)}`])).join(' ');
  return svg(
    'svg',
    { class: 'spark', viewBox: '0 0 100 22', role: 'img', 'aria-label': label },
    ...(limit === null ? [] : [svg('line', { x1: 2, x2: 98, y1: y(limit), y2: y(limit) })]),
    svg('polyline', { points }),
  );
}
/* The PSI of the last windows; under the floor of 0.1 nothing counts as drift. */
const history = (field) =>
  spark(field.history, `PSI of ${field.field} in ${field.history.length} windows`, { limit: 0.1, low: 0, high: 0.2 });

const limits = ({ lower, upper }) =>
  [lower === null ? '' : `≥ ${number(lower, 3)}`, upper === null ? '' : `≤ ${number(upper, 3)}`]
    .filter(Boolean)
    .join(', ');

function drawQuality({ holds, windows }) {
  const rowOf = (hold) =>
    element(
      'tr',
      {},
      cell(hold.id.slice(0, 12)),
      cell(hold.state, hold.untilMs === null ? 'fail' : ''),
      cell(`${hold.source}/${hold.window}`),
      cell(minute(hold.fromMs)),
      cell(hold.untilMs === null ? 'now' : minute(hold.untilMs)),
      cell(hold.rules.join(', ')),
      cell(hold.reason),
    );
  const headings = [['Hold'], ['State'], ['Source'], ['From'], ['Until'], ['Rules'], ['Because']];
  byId('holds').replaceChildren(...(holds.length === 0 ? [] : [table(headings, holds.map(rowOf))]));
  if (windows.length === 0) return;
  const mark = (verdict) => (verdict === 'insufficient' ? '' : verdict);
  byId('windows').replaceChildren(
    ...windows.flatMap((window) => {
      const failed = window.rules.filter(({ verdict }) => verdict === 'fail').length;
      const range = `${minute(window.startMs)} to ${minute(window.endMs)}`;
      const unlisted = window.unexpected.map(({ column, rows: having }) => `${column} (${number(having)})`);
      const rows =
        `${number(window.rows)} records, ${number(window.quarantined)} quarantined` +
        (unlisted.length === 0
          ? ''
          : `; not listed: ${unlisted.slice(0, 10).join(', ')}${unlisted.length > 10 ? ' …' : ''}`);
      const name = `${window.source}/${window.window}`;
      const summary = element(
        'summary',
        {},
        `${name}: `,
        element('span', { class: mark(window.verdict) }, window.verdict),
      );
      summary.append(`, ${range}, ${rows}${failed > 0 ? `, ${failed} rules failed` : ''}`);
      const details = element('details', { 'data-name': name }, summary);
      details.open = openDetails.has(name) || failed > 0;
      details.addEventListener('toggle', () => openDetails[details.open ? 'add' : 'delete'](name));
      details.append(
        table(
          [['Rule'], ['Column'], ['Value', 'number'], ['Allowed'], ['Windows until now'], ['Verdict']],
          window.rules.map((rule) =>
            element(
              'tr',
              { title: rule.detail },
              cell(rule.rule),
              cell(rule.column),
              cell(number(rule.value, 3), 'number'),
              cell(limits(rule)),
              element(
                'td',
                {},
                spark(rule.history, `${rule.rule} ${rule.column}`, { limit: rule.upper ?? rule.lower }),
              ),
              cell(rule.verdict, mark(rule.verdict)),
            ),
          ),
        ),
      );
      return [details];
    }),
  );
}
const openDetails = new Set();

function drawDrift(models) {
  const drifting = models.filter((model) => model.drift !== null);
  if (drifting.length === 0) return;
  byId('drift').replaceChildren(
    ...drifting.flatMap(({ model, drift }) => [
      element(
        'p',
        { class: 'note' },
        `${model}, window to ${day(drift.windowEndMs)}, ${number(drift.rows)} predictions: ${drift.verdict}; ${drift.action}`,
      ),
      table(
        [['Field'], ['PSI', 'number'], ['Windows until now'], ['KS', 'number'], ['Verdict']],
        drift.fields.map((field) =>
          element(
            'tr',
            {},
            cell(field.field),
            cell(number(field.psi, 3), 'number'),
            element('td', {}, history(field)),
            cell(number(field.ks, 3), 'number'),
            cell(field.drifted ? 'drifted' : '', field.drifted ? 'fail' : ''),
          ),
        ),
      ),
    ]),
  );
}

/* Alarms that are up as a list, decisions as a table; the text that explains may be long, so it breaks. */
function alarmItem({ monitor, kind, slice, severity, sinceMs, version, message }) {
  const about = [`${monitor} since ${minute(sinceMs)}`];
  if (version !== '') about.push(`version ${version}`);
  if (slice !== '') about.push(slice);
  return element(
    'li',
    { class: severity },
    element('strong', {}, `${kind} alarm, ${severity}`),
    element('span', {}, about.join(', ')),
    element('span', {}, message),
  );
}

/* What a Monitor with an alarm budget costs and finds, as it was simulated before its windows were judged. */
function planRow(plan) {
  const { falseRetrainings, falseRetrainingsUpper, allowed, periodMs } = plan;
  const days = `${Number((periodMs / 86_400_000).toFixed(1))} d`;
  const cost =
    falseRetrainings === null
      ? '–'
      : `${number(falseRetrainings, 2)}, at most ${number(falseRetrainingsUpper, 2)} of ${allowed} in ${days}`;
  // A shift that most periods do not find has no median.
  const found = plan.delays.map(({ shift, medianWindows, found }) => {
    return `${shift} σ: ${medianWindows ?? `${Math.round(found * 100)} % found`}`;
  });
  const mark = { calibrated: 'pass', checked: 'pass', 'over-budget': 'fail' };
  return element(
    'tr',
    {},
    cell(plan.monitor, 'name'),
    cell(plan.version),
    cell(plan.status, mark[plan.status] ?? 'soft'),
    cell(cost),
    cell(found.join(', ') || '–', 'delays'),
    cell(plan.reason, 'because'),
  );
}
const planHeadings = [
  ['Monitor'],
  ['Version'],
  ['Alarm plan'],
  ['Retrainings without cause'],
  ['Windows to find a shift of'],
  ['Because'],
];

function budgetText({ budgetLeft, budgetAllowed }) {
  if (budgetLeft === null) return 'none set';
  const amount = number(Math.abs(budgetLeft), budgetLeft % 1 === 0 ? 0 : 1);
  return budgetLeft < 0 ? `overspent by ${amount}` : `${amount} of ${budgetAllowed}`;
}

function decisionRow(decision, hasMonitors) {
  const { driftedWindows, windows, raiseWindows, raiseOf, budgetLeft } = decision;
  const counted = cell(`${driftedWindows} of ${windows}`, 'number');
  counted.title = `${raiseWindows} of ${raiseOf} raise an alarm`;
  const verdict = decision.verdict ?? '–';
  const outcome = decision.outcome ?? 'nothing to do';
  return element(
    'tr',
    {},
    cell(minute(decision.atMs)),
    ...(hasMonitors ? [cell(decision.monitor, 'name')] : []),
    cell(decision.kind),
    cell(verdict, verdict === 'drifted' ? 'fail' : verdict === 'stable' ? 'pass' : 'soft'),
    counted,
    cell(decision.alarmUp ? 'up' : 'down', decision.alarmUp ? 'fail' : 'soft'),
    cell(outcome, decision.outcome === null ? 'soft' : `outcome ${decision.outcome}`),
    cell(budgetText(decision), budgetLeft === null ? 'soft' : budgetLeft < 0 ? 'fail' : ''),
    cell(decision.became === null ? decision.reason : `${decision.reason} → ${decision.became}`, 'because'),
  );
}

function drawDecided(models) {
  const decided = models.filter((one) => ['decisions', 'alarms', 'plans'].some((part) => one.decided[part].length > 0));
  if (decided.length === 0) return;
  const after = [
    ['Evidence'],
    ['Window'],
    ['Drifted', 'number'],
    ['Alarm'],
    ['Retraining'],
    ['Budget left'],
    ['Because'],
  ];
  const box = byId('decided');
  const scrolled = [...box.querySelectorAll('.scroll')].map((one) => [one.scrollLeft, one.scrollTop]);
  box.replaceChildren(
    ...decided.flatMap(({ model, decided: { alarms, decisions, plans } }) => {
      const list =
        alarms.length === 0
          ? element('p', { class: 'note' }, 'No alarm is up.')
          : element('ul', { class: 'alarms' }, ...alarms.map(alarmItem));
      const hasMonitors = new Set(decisions.map(({ monitor }) => monitor)).size > 1;
      const rows = table(
        [['At'], ...(hasMonitors ? [['Monitor']] : []), ...after],
        decisions.map((decision) => decisionRow(decision, hasMonitors)),
      );
      rows.classList.add('tall');
      const planned = plans.length === 0 ? [] : [table(planHeadings, plans.map(planRow))];
      return [element('h3', {}, model), list, ...planned, rows];
    }),
  );
  /* What somebody reads stays where it is when the next state comes. */
  [...box.querySelectorAll('.scroll')].forEach((one, at) => {
    if (scrolled[at]) [one.scrollLeft, one.scrollTop] = scrolled[at];
  });
}

let chart = null;
function drawAuc(models) {
  const weeks = models.find((model) => model.auc.length > 1)?.auc;
  if (!weeks) return;
  const data = [
    weeks.map((week) => week.weekMs / 1000),
    weeks.map((week) => week.served),
    weeks.map((week) => week.neverRetrained),
  ];
  const box = byId('auc');
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  if (chart) {
    chart.setData(data);
    return;
  }
  box.replaceChildren();
  const axis = { stroke: color('--soft'), grid: { stroke: color('--line') } };
  chart = new uPlot(
    {
      width: box.clientWidth,
      height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
      scales: { x: { time: true } },
      axes: [axis, { ...axis, values: (_, splits) => splits.map((value) => value.toFixed(3)) }],
      series: [
        {},
        { label: 'served', stroke: color('--served'), width: 2 },
        { label: 'never retrained', stroke: color('--never'), width: 2, dash: [6, 4] },
      ],
    },
    data,
    box,
  );
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: 240 })).observe(box);
}

function drawLog(log) {
  if (log.length === 0) return;
  byId('log').replaceChildren(
    ...log.map((line) =>
      element(
        'li',
        {},
        element('time', {}, day(line.eventTimeMs)),
        element('span', { class: 'kind' }, line.kind),
        `${line.model}: ${line.text}`,
      ),
    ),
  );
}

function draw(state) {
  if (state.eventTimeMs !== null) byId('clock').textContent = `event time ${minute(state.eventTimeMs)} UTC`;
  drawLoop(state.stages);
  drawModels(state.models);
  drawDrift(state.models);
  drawDecided(state.models);
  drawQuality(state.quality);
  drawAuc(state.models);
  drawLog(state.log);
}

drawLoop([]);
const events = new EventSource('/api/events');
events.onopen = () => (byId('connection').textContent = 'live');
events.onerror = () => (byId('connection').textContent = 'connection lost, trying again');
events.onmessage = (message) => draw(JSON.parse(message.data));
