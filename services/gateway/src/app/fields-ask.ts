import type { servingApi } from '@everloop/contracts';
import { columnsOfFields } from '../domain/named-fields.ts';
import { isEventTime, type ReadOptions } from '../domain/parameters.ts';
import { versionInToken } from '../domain/route-token.ts';
import type { Decoded } from '../domain/tensors.ts';
import type { Ask } from './prepare.ts';

/** A request of `everloop.serving.v1`: one row, its request fields by name. */
export class FieldsAsk implements Ask {
  readonly model: string;
  readonly version: string;
  readonly #row: servingApi.PredictRow;

  constructor(model: string, version: string, row: servingApi.PredictRow) {
    this.model = model;
    this.version = version;
    this.#row = row;
  }

  get id(): string {
    return this.#row.id;
  }

  columns(): Decoded {
    return columnsOfFields(this.#row.features ?? {});
  }

  options(): ReadOptions {
    const { eventTimeMs = null, unit, explain } = this.#row;
    if (eventTimeMs !== null && !isEventTime(eventTimeMs)) {
      return { ok: false, reasons: ['event_time_ms must be epoch milliseconds'] };
    }
    return { ok: true, options: { eventTimeMs, unitId: unit === '' ? null : unit, explain } };
  }

  sticky(): string {
    const { route } = this.#row;
    return route === '' ? '' : versionInToken(route, this.model);
  }
}
