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
  #waiting: Waiting[] = [];

  constructor(command: (keys: string[]) => Promise<Values>, keysMax: number) {
    this.#command = command;
    this.#keysMax = keysMax;
  }

  /** Values in the order of the keys, null where there is none; at least one key. */
  read(keys: readonly string[]): Promise<Values> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#sendAll());
      this.#waiting.push({ keys, resolve, reject });
    });
  }

  #sendAll(): void {
    let together: Waiting[] = [];
    let keys = 0;
    for (const each of this.#waiting.splice(0)) {
      if (together.length > 0 && keys + each.keys.length > this.#keysMax) {
        void this.#send(together);
        together = [];
        keys = 0;
      }
      together.push(each);
      keys += each.keys.length;
    }
    void this.#send(together);
  }

  async #send(together: readonly Waiting[]): Promise<void> {
    try {
      const values = await this.#ask(together.flatMap(({ keys }) => keys));
      let at = 0;
      for (const { keys, resolve } of together) resolve(values.slice(at, (at += keys.length)));
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  }

  /** All at once; in several commands only where one read alone has too many keys for one. */
  async #ask(keys: string[]): Promise<Values> {
    if (keys.length <= this.#keysMax) return this.#command(keys);
    const commands: Promise<Values>[] = [];
    for (let at = 0; at < keys.length; at += this.#keysMax)
      commands.push(this.#command(keys.slice(at, at + this.#keysMax)));
    return (await Promise.all(commands)).flat();
  }
}
