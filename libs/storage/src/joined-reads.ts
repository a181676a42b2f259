type Values = (Buffer | null)[];

interface Waiting {
  readonly keys: readonly string[];
  readonly resolve: (values: Values) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Joins the reads that are asked for within one turn of the event loop: a command of its own costs a read more than its keys do. A command
 * has at most `keysMax` keys, since Redis serves nobody else meanwhile. An error reaches every read that has keys in the command.
 */
export class JoinedReads {
  readonly #command: (keys: string[]) => Promise<Values>;
  readonly #keysMax: number;
  readonly #sendAll = (): void => this.#sendWaiting();
  #waiting: Waiting[] = [];

  constructor(command: (keys: string[]) => Promise<Values>, keysMax: number) {
    this.#command = command;
    this.#keysMax = keysMax;
  }

  /** Values in the order of the keys, null where there is none; at least one key. */
  read(keys: readonly string[]): Promise<Values> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ keys, resolve, reject }) === 1) setImmediate(this.#sendAll);
    });
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let together: Waiting[] = [];
    let keys: string[] = [];
    for (const each of waiting) {
      if (together.length > 0 && keys.length + each.keys.length > this.#keysMax) {
        this.#send(together, keys);
        together = [];
        keys = [];
      }
      together.push(each);
      // Not flatMap, which takes longer than Redis does.
      for (const key of each.keys) keys.push(key);
    }
    this.#send(together, keys);
  }

  #send(together: readonly Waiting[], keys: string[]): void {
    const failed = (error: unknown): void => {
      for (const { reject } of together) reject(error);
    };
    const found = (values: Values): void => {
      let at = 0;
      for (const each of together) each.resolve(values.slice(at, (at += each.keys.length)));
    };
    const [only] = together;
    const succeeded = together.length === 1 && only !== undefined ? only.resolve : found;
    try {
      const answer = keys.length <= this.#keysMax ? this.#command(keys) : this.#inParts(keys);
      void answer.then(succeeded, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** All at once; only where one read alone has too many keys for one command. */
  async #inParts(keys: string[]): Promise<Values> {
    const commands: Promise<Values>[] = [];
    for (let at = 0; at < keys.length; at += this.#keysMax)
      commands.push(this.#command(keys.slice(at, at + this.#keysMax)));
    return (await Promise.all(commands)).flat();
  }
}
