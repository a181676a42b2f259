import type { FeatureViewSpec, SourceSpec, TypedResource } from '@everloop/contracts';

/** The example of Feast's documentation: statistics of drivers, and where they are. */
export function driverResources(prefix: string): TypedResource[] {
  const common: Omit<SourceSpec, 'topic' | 'key' | 'fields'> = {
    partitions: 2,
    format: 'json',
    eventTime: 'event_timestamp',
    createdTime: 'created',
    allowedLatenessMs: 0,
    unexpected: 'reject',
    compatibility: 'backward',
    unique: [],
    rules: [],
  };
  const time = { type: 'timestamp', required: true } as const;
  const stats: SourceSpec = {
    ...common,
    topic: `${prefix}.driver_stats`,
    key: 'driver_id',
    fields: {
      driver_id: { type: 'integer', required: true },
      event_timestamp: time,
      created: { type: 'timestamp', required: false },
      conv_rate: { type: 'number', required: false, min: 0, max: 1 },
      acc_rate: { type: 'number', required: false },
      avg_daily_trips: { type: 'integer', required: false },
      on_duty: { type: 'boolean', required: false },
      name: { type: 'string', required: false },
    },
  };
  const view = (part: Partial<FeatureViewSpec> & Pick<FeatureViewSpec, 'source' | 'entity'>): FeatureViewSpec => ({
    columns: [],
    aggregations: [],
    hopMs: 0,
    ttlMs: 86_400_000,
    readBehindMs: 3_600_000,
    description: 'test',
    owner: 'test',
    ...part,
  });
  return [
    { kind: 'Source', name: 'driver_stats_push_source', revision: 1, spec: stats },
    {
      kind: 'FeatureView',
      name: 'driver_hourly_stats',
      revision: 3,
      spec: view({
        source: 'driver_stats_push_source',
        entity: 'driver_id',
        columns: ['conv_rate', 'acc_rate', 'avg_daily_trips', 'on_duty', 'name'],
      }),
    },
    {
      kind: 'FeatureView',
      name: 'driver_day',
      revision: 1,
      spec: view({
        source: 'driver_stats_push_source',
        entity: 'driver_id',
        hopMs: 3_600_000,
        ttlMs: 2 * 86_400_000,
        aggregations: [
          { name: 'reports', function: 'count', windowMs: 86_400_000 },
          { name: 'best', function: 'max', column: 'conv_rate', windowMs: 86_400_000 },
          { name: 'latest', function: 'lastK', column: 'conv_rate', windowMs: 86_400_000, k: 3 },
        ],
      }),
    },
    ...[1, 2].map((version) => ({
      kind: 'FeatureService' as const,
      name: `driver_activity@${version}`,
      revision: 1,
      spec: {
        version,
        description: 'test',
        features: [
          { view: 'driver_hourly_stats', features: version === 1 ? ['conv_rate'] : ['conv_rate', 'name'] },
          { view: 'driver_day', features: ['reports'] },
        ],
        request: [],
        onDemand: [
          {
            name: 'rate_per_report',
            type: 'number' as const,
            cel: 'driver_hourly_stats.conv_rate / driver_day.reports',
            description: 'test',
          },
          {
            name: 'is_good',
            type: 'boolean' as const,
            cel: 'driver_hourly_stats.conv_rate > 0.25',
            description: 'test',
          },
        ],
        pins: {},
      },
    })),
  ];
}
