/** One generation of work; opaque to users of `InFlight`. */
export interface Ticket {
  open: number;
  closed: boolean;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Counts work that is under way and can wait for exactly what was begun before the question, so that a steady stream of new work
 * never keeps the waiter waiting.
 */
export class InFlight {
  #current = newTicket();
  #earlier: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** Pieces of work under way. */
  get count(): number {
    return this.#count;
  }

  begin(): Ticket {
    this.#count += 1;
    this.#current.open += 1;
    return this.#current;
  }

  end(ticket: Ticket): void {
    this.#count -= 1;
    ticket.open -= 1;
    if (ticket.closed && ticket.open === 0) ticket.done.resolve();
  }

  /** Resolves when everything that was begun before this call has ended. */
  async settled(): Promise<void> {
    const ticket = this.#current;
    this.#current = newTicket();
    ticket.closed = true;
    if (ticket.open === 0) ticket.done.resolve();
    this.#earlier = Promise.all([this.#earlier, ticket.done.promise]);
    await this.#earlier;
  }
}

function newTicket(): Ticket {
  return { open: 0, closed: false, done: Promise.withResolvers() };
}
