// signin.svelte.ts - the steps of a sign-in. Password or one-time code; when the account asks for
// both (MFA), whichever comes first answers 401 with an `mfaId` and the other one follows.
import { ClientResponseError } from 'pocketbase';
import { api } from '../lib/api';
import { problemOf } from '../lib/problem';
import { s } from '../lib/strings';

export type Step = 'password' | 'askCode' | 'code';

export class SignIn {
  step = $state<Step>('password');
  email = $state('');
  password = $state('');
  code = $state('');
  problem = $state('');
  busy = $state(false);
  /** One proof was given, another is asked for. */
  second = $state(false);
  otpOffered = $state(false);
  #otpId = '';
  #mfaId = '';

  constructor(email = '') {
    this.email = email;
    // Without an answer the password is still there.
    void api.collection('_superusers').listAuthMethods().then((methods) => (this.otpOffered = methods.otp.enabled)).catch(() => null);
  }

  submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = '';
    try {
      if (this.step === 'password') await this.#password();
      else if (this.step === 'askCode') await this.#sendCode();
      else await this.#code();
    } catch (err) {
      await this.#failed(err);
    } finally {
      this.busy = false;
    }
  };

  #query(): { query?: Record<string, string> } {
    return this.#mfaId ? { query: { mfaId: this.#mfaId } } : {};
  }

  async #password(): Promise<void> {
    await api.collection('_superusers').authWithPassword(this.email, this.password, this.#query());
  }

  async #sendCode(): Promise<void> {
    this.#otpId = (await api.collection('_superusers').requestOTP(this.email)).otpId;
    this.code = '';
    this.step = 'code';
  }

  async #code(): Promise<void> {
    await api.collection('_superusers').authWithOTP(this.#otpId, this.code.trim(), this.#query());
  }

  async #failed(err: unknown): Promise<void> {
    const mfaId: unknown = err instanceof ClientResponseError && err.status === 401 ? err.response?.mfaId : null;
    if (typeof mfaId === 'string' && mfaId) return this.#goOn(mfaId);
    const problem = problemOf(err);
    const refused = err instanceof ClientResponseError && err.status === 400;
    if (refused && this.step === 'password') this.problem = s.auth.wrong;
    else if (refused && this.step === 'code') this.problem = s.auth.codeWrong;
    else this.problem = problem.message;
  }

  async #goOn(mfaId: string): Promise<void> {
    this.#mfaId = mfaId;
    this.second = true;
    if (this.step === 'password') {
      this.step = 'askCode';
      try {
        await this.#sendCode();
      } catch (err) {
        this.problem = problemOf(err).message;
      }
    } else {
      this.step = 'password';
    }
  }

  resend = async (): Promise<void> => {
    try {
      await this.#sendCode();
    } catch (err) {
      this.problem = problemOf(err).message;
    }
  };

  use(step: Step): void {
    this.step = step;
    this.problem = '';
  }

  again = (): void => {
    this.#mfaId = '';
    this.second = false;
    this.password = '';
    this.use('password');
  };
}
