import { ServiceError } from '@everloop/service';

export const errors = {
  modelNotFound: (model: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_MODEL_NOT_FOUND',
      kind: 'terminal',
      message: `There is no Model "${model}": apply it, or give the name of one that is applied`,
    }),
  featureServiceNotFound: (name: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_SERVICE_NOT_FOUND',
      kind: 'terminal',
      message: `There is no FeatureService "${name}": apply it, or give the name of one that is applied`,
    }),
  viewNotFound: (name: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_VIEW_UNKNOWN',
      kind: 'terminal',
      message: `There is no FeatureView "${name}": apply it, or give the name of one that is applied`,
    }),
  viewVersionNotFound: (name: string, asked: number, applied: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_VIEW_VERSION_NOT_FOUND',
      kind: 'terminal',
      message: `FeatureView ${name} is served as revision ${applied}; there is no online store of revision ${asked}`,
    }),
  entityNotFound: (name: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_ENTITY_NOT_FOUND',
      kind: 'terminal',
      message: `"${name}" is the entity of no FeatureView`,
    }),
  entityMissing: (name: string, given: readonly string[]) =>
    new ServiceError({
      code: 'EVL_FEATURES_ENTITY_MISSING',
      kind: 'terminal',
      message: `The features need the entity "${name}"; the request has ${given.length === 0 ? 'none' : given.join(', ')}`,
    }),
  nameCollision: (name: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_NAME_COLLISION',
      kind: 'terminal',
      message: `Two columns of the answer would be "${name}": set full_feature_names, or ask for one of them`,
    }),
  rowsRefused: (source: string, reasons: readonly string[], rows: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_ROWS_REFUSED',
      kind: 'terminal',
      message:
        `${reasons.length} of ${rows} rows break the contract of Source ${source} and were not written; the others were. ` +
        reasons.slice(0, 5).join(' | '),
    }),
  materializing: (views: readonly string[]) =>
    new ServiceError({
      code: 'EVL_FEATURES_MATERIALIZING',
      kind: 'retryable',
      message: `${views.join(', ')}: being materialised; wait for it, or set force=true`,
    }),
  /** A definition that libs/features refuses, with its code and text. */
  definition: (cause: { readonly code: string; readonly message: string }) =>
    new ServiceError({ code: cause.code, kind: 'terminal', message: cause.message, cause }),
  sourceNotReady: (model: string, source: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_SOURCE_NOT_READY',
      kind: 'retryable',
      message: `Model ${model} needs the Source "${source}", which is not applied yet`,
    }),
  fieldInvalid: (model: string, source: string, field: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_FIELD_INVALID',
      kind: 'terminal',
      message: `Model ${model}: Source ${source} has no field "${field}"; correct the Model or the Source`,
    }),
  streamBehind: (topic: string, partition: number, position: number, until: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_STREAM_BEHIND',
      kind: 'retryable',
      message:
        `The online rows hold ${topic}/${partition} before offset ${position}, not yet before ${until}: ` +
        'the stream is on its way; try again in a moment',
    }),
  historyBehind: (topic: string, partition: number, stored: number, applied: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_HISTORY_BEHIND',
      kind: 'retryable',
      message:
        `The history of ${topic}/${partition} has offsets before ${stored}, the online rows hold those before ${applied}: ` +
        'what is missing is being read again; try again in a moment',
    }),
  sourceNotFound: (source: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_SOURCE_UNKNOWN',
      kind: 'terminal',
      message: `There is no Source "${source}": apply it, or give the name of one that is applied`,
    }),
  requestInvalid: (message: string) =>
    new ServiceError({ code: 'EVL_FEATURES_REQUEST_INVALID', kind: 'terminal', message }),
  manifestInvalid: (path: string, cause: unknown) =>
    new ServiceError({
      code: 'EVL_FEATURES_MANIFEST_INVALID',
      kind: 'terminal',
      message: `${path} is not a manifest of this service; restore it, or remove its folder to read the topic partition again`,
      cause,
    }),
  historyTaken: (topic: string, partition: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_HISTORY_TAKEN',
      kind: 'retryable',
      message: `The history of ${topic}/${partition} is not written here any more: another process has taken it over; what was not stored is read again from the topic`,
    }),
  otherLog: (topic: string, partition: number, stored: number, end: number) =>
    new ServiceError({
      code: 'EVL_FEATURES_LOG_MISMATCH',
      kind: 'terminal',
      message:
        `Features of ${topic}/${partition} are stored up to offset ${stored}, but the topic ends at ${end}: they belong to another ` +
        'Kafka; connect to that one (KAFKA_BROKERS), or empty Redis and remove EVL_DATA_DIR to begin anew',
    }),
  snapshotInvalid: (id: string, cause?: unknown) =>
    new ServiceError({
      code: 'EVL_FEATURES_SNAPSHOT_INVALID',
      kind: 'terminal',
      message: `Object ${id} is not the manifest of a dataset that this version reads`,
      ...(cause === undefined ? {} : { cause }),
    }),
  catalogInvalid: (path: string, cause: unknown) =>
    new ServiceError({
      code: 'EVL_FEATURES_CATALOG_INVALID',
      kind: 'terminal',
      message: `${path} is no change of the catalog of datasets: restore the file`,
      cause,
    }),
  catalogBusy: () =>
    new ServiceError({
      code: 'EVL_FEATURES_CATALOG_BUSY',
      kind: 'retryable',
      message: 'Others change the catalog of datasets all the time; try again',
    }),
  datasetNotFound: (ref: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_DATASET_NOT_FOUND',
      kind: 'terminal',
      message: `There is no dataset "${ref}": give an id, four or more of its first digits, or a tag; "everloop dataset list" shows them`,
    }),
  definitionNotFound: (ref: string, cause: unknown) =>
    new ServiceError({
      code: 'EVL_FEATURES_DEFINITION_NOT_FOUND',
      kind: 'terminal',
      message: `The definition ${ref} of the dataset cannot be read from the object store; restore the object to make the rows again`,
      cause,
    }),
  vaultNotFound: (contentHash: string, cause?: unknown) =>
    new ServiceError({
      code: 'EVL_FEATURES_VAULT_NOT_FOUND',
      kind: 'terminal',
      message: `The vault (EVL_VAULT_STORE) has no rows ${contentHash}; make the dataset again with the same request`,
      ...(cause === undefined ? {} : { cause }),
    }),
  vaultEmpty: (id: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_VAULT_NOT_FOUND',
      kind: 'terminal',
      message: `The dataset ${id} has no rows in the vault: its fixed holdout is empty`,
    }),
  topicNameInvalid: (topic: string) =>
    new ServiceError({
      code: 'EVL_FEATURES_TOPIC_INVALID',
      kind: 'terminal',
      message: `"${topic}" cannot be a folder name: topics are letters, digits, dots, dashes and underscores`,
    }),
};
