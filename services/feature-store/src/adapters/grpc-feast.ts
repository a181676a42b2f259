import { feast, feastServer, type feastTypes } from '@everloop/contracts';
import { implement, type Implementation } from '@everloop/grpc';
import type { FeatureScalar } from '@everloop/features';

import type { FeastAnswer, FeastCalls, FeastColumn } from '../app/feast-calls.ts';
import type { DataFrame } from '../domain/feast-records.ts';
import { errors } from '../errors.ts';
import { statusNames } from './feast-json.ts';
import { entityValue, plainValue, wireValue } from './feast-values.ts';

/** What GetFeastServingInfo says: the version of Feast whose API this is. */
const feastVersion = '0.67.0';
const modes = ['', 'online', 'offline', 'online_and_offline'];

/** Feast's two gRPC services: the one of its Java server, and the one of its Python server, which has no package. */
export function grpcFeast(calls: FeastCalls): readonly Implementation[] {
  const getOnlineFeatures = async (
    request: feast.GetOnlineFeaturesRequest,
  ): Promise<feast.GetOnlineFeaturesResponse> => {
    const { kind } = request;
    const answer = await calls.getOnlineFeatures({
      featureService: kind?.$case === 'featureService' ? kind.value : null,
      features: kind?.$case === 'features' ? kind.value.val : [],
      entities: new Map([...entries(request.entities), ...entries(request.requestContext)]),
      fullNames: request.fullFeatureNames,
    });
    return responseOf(answer, request.includeFeatureViewVersionMetadata);
  };
  return [
    implement(feast.ServingServiceService, {
      getFeastServingInfo: () => ({ version: feastVersion }),
      getOnlineFeatures,
    }),
    implement(feastServer.GrpcFeatureServerService, {
      async push(request) {
        if (!modes.includes(request.to)) throw errors.requestInvalid(`"${request.to}" is none of ${modes.join(' ')}`);
        await calls.push(request.streamFeatureView, frameOf(request));
        return { status: true };
      },
      async writeToOnlineStore(request) {
        await calls.write(request.featureViewName, frameOf(request));
        return { status: true };
      },
      getOnlineFeatures,
    }),
  ];
}

function entries(
  columns: Readonly<Record<string, feastTypes.RepeatedValue>>,
): (readonly [string, readonly FeatureScalar[]])[] {
  return Object.entries(columns).map(([name, { val }]) => [name, val.map(entityValue)]);
}

/** The one row of a write. Texts are read as what they look like, as pandas does. */
function frameOf(request: {
  readonly features: Readonly<Record<string, string>>;
  readonly typedFeatures: Readonly<Record<string, feastTypes.Value>>;
}): DataFrame {
  const [plain, typed] = [Object.entries(request.features), Object.entries(request.typedFeatures)];
  if (plain.length > 0 && typed.length > 0)
    throw errors.requestInvalid('Only one of features or typed_features may be set, not both');
  return new Map([
    ...plain.map(([name, text]) => [name, [guess(text)]] as const),
    ...typed.map(([name, value]) => [name, [plainValue(value)]] as const),
  ]);
}

function guess(text: string): unknown {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
}

function responseOf(answer: FeastAnswer, hasVersions: boolean): feast.GetOnlineFeaturesResponse {
  return {
    metadata: {
      featureNames: { val: answer.columns.map(({ name }) => name) },
      featureViewMetadata: hasVersions ? answer.views.map((view) => ({ ...view })) : [],
    },
    results: answer.columns.map((column) => vectorOf(column, answer.rows)),
    status: true,
  };
}

function vectorOf(column: FeastColumn, rows: number): feast.GetOnlineFeaturesResponse_FeatureVector {
  const values: feastTypes.Value[] = [];
  const statuses: feast.FieldStatus[] = [];
  const eventTimestamps: Date[] = [];
  for (let row = 0; row < rows; row++) {
    const status = statusNames[column.statuses === null ? 1 : (column.statuses[row] ?? 0)] ?? 'INVALID';
    values.push(wireValue(column.type, status === 'PRESENT' ? (column.values[row] ?? null) : null));
    statuses.push(status);
    const timeMs = column.eventMs?.[row] ?? Number.NaN;
    eventTimestamps.push(new Date(Number.isFinite(timeMs) ? timeMs : 0));
  }
  return { values, statuses, eventTimestamps };
}
