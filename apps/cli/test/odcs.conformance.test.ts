import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { exportOdcs, loadResources, ofKind, parseResources } from '@everloop/contracts';
import { pythonRequirements, pythonVenv } from '@everloop/testing';
import { expect, it } from 'vitest';

/** Judges the document on standard input by the schema that the standard publishes; prints each violation. */
const judge = `
import importlib.resources, json, sys
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard
schema = json.loads((importlib.resources.files("open_data_contract_standard") / "schema.json").read_text())
document = json.load(sys.stdin)
for error in Draft201909Validator(schema).iter_errors(document):
    print("/".join(map(str, error.path)), error.message[:300])
OpenDataContractStandard.model_validate(document)
print("judged", len(document["schema"]))
`;

const rich = `
kind: Source
name: rich
spec:
  topic: rich
  key: id
  eventTime: at
  unexpected: report
  unique: [{ fields: [id], within: 1h }]
  fields:
    id: { type: string, required: true, minLength: 1, maxLength: 9, pattern: '^[a-z]+$', values: [a, b] }
    at: { type: timestamp, required: true }
    price: { type: decimal, precision: 9, scale: 2, min: 0, nullable: true, required: true }
    many: { type: array, minItems: 1, maxItems: 9, items: { type: object, fields: { n: { type: integer, max: 5 } } } }
  rules: [{ name: cheap, cel: 'record.id != "b"' }]
  windows: [{ name: daily, every: 1d, rules: [{ name: rows, check: rows, min: 1 }] }]
`;

it('what is exported satisfies the schema of the Open Data Contract Standard v3.1', async () => {
  const python = await pythonVenv('odcs', pythonRequirements('odcs'));
  const flights = join(import.meta.dirname, '../../../examples/flights/resources');
  const sources = [
    ...ofKind((await loadResources(flights)).resources, 'Source'),
    ...ofKind(parseResources([{ name: 'rich.yaml', text: rich }]), 'Source'),
  ];
  const verdict = (document: unknown) =>
    spawnSync(python, ['-c', judge], { input: JSON.stringify(document), encoding: 'utf8' });
  const contract = exportOdcs(sources, { brokers: 'localhost:9092' });
  expect(verdict(contract)).toMatchObject({ stdout: `judged ${sources.length}\n`, stderr: '' });
  expect(verdict({ ...contract, nonsense: 1 }).stdout).toMatch(/nonsense/);
});
