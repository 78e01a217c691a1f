// connection.svelte.ts - whether the server can be reached. Asks every two seconds while it cannot.
class Connection {
  lost = $state(false);
  /** Grows when the connection comes back: screens that failed to load try again then. */
  restored = $state(0);
  #health = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  attach(health: string): void {
    this.#health = health;
    addEventListener('online', () => this.lost && void this.#ask());
  }

  isUp(): void {
    if (!this.lost) return;
    clearTimeout(this.#timer);
    this.lost = false;
    this.restored++;
  }

  isDown(): void {
    if (this.lost) return;
    this.lost = true;
    this.#timer = setTimeout(() => void this.#ask(), 2000);
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    const answer = await fetch(this.#health, { cache: 'no-store' }).catch(() => null);
    if (answer?.ok) this.isUp();
    else this.#timer = setTimeout(() => void this.#ask(), 2000);
  }
}

export const connection = new Connection();
