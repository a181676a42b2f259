import { InFlight, type Ticket } from '../domain/in-flight.ts';
import { requireLoggable } from '../domain/log-records.ts';
import type { LogRecord, LogStream, RecordLog } from '../ports.ts';

/** A record and its stream. */
export interface StreamRecord extends LogRecord {
  readonly stream: LogStream;
}

/** The records of one attempt to answer a request. */
export interface AttemptLog extends RecordLog {
  /** Everything that was appended, once the shadows of the request are over too. */
  take(): Promise<readonly StreamRecord[]>;
}

/** The records of the requests that one transaction answers. */
export interface TransactionLog {
  /** What is appended and not taken, since the attempt failed, is in no log. */
  attempt(): AttemptLog;
  /** The transaction is committed, or given up with everything in it. */
  end(): void;
}

/**
 * Records that are written by the transaction that answers their requests, not by the journal: they are in the log exactly when the answers
 * are, however often a request has to be begun again. A watermark waits for the transactions that have records.
 */
export class TransactionLogs {
  readonly #open = new InFlight();

  begin(): TransactionLog {
    const open = this.#open;
    /** From the first record to the end. */
    let ticket: Ticket | null = null;
    let isOver = false;
    return {
      // Called within the prediction that appends, for which a watermark waits too: there is no moment in which it waits for neither.
      attempt: () =>
        attemptLog(() => {
          if (!isOver) ticket ??= open.begin();
        }),
      end() {
        isOver = true;
        if (ticket !== null) open.end(ticket);
        ticket = null;
      },
    };
  }

  /** Resolves when the transactions that had records before this call have ended. */
  settled(): Promise<void> {
    return this.#open.settled();
  }
}

function attemptLog(onRecord: () => void): AttemptLog {
  const records: StreamRecord[] = [];
  const following: Promise<void>[] = [];
  return {
    append(stream, added) {
      requireLoggable(added);
      onRecord();
      for (const record of added) records.push({ ...record, stream });
    },
    written: () => Promise.resolve(),
    follows: (work) => void following.push(work),
    async take() {
      await Promise.all(following);
      return records;
    },
  };
}
