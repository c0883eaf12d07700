/**
 * The form for the admin key, and the notice that asks for it.
 *
 * Invariants
 *  - A key is tried before it is kept: one that the collector does not take is said so, beside the field.
 *  - The field is emptied when the form closes; what it held is nowhere in the document.
 *
 * Not here: where a key is kept (ask/owner-key.ts).
 */
import { byId } from '../../../site/element.ts';
import { isKeyTaken } from '../ask/owner-api.ts';
import { isUsableKey, ownerKey } from '../ask/owner-key.ts';

export class KeyForm {
  private readonly dialog = byId<HTMLDialogElement>('key-dialog');
  private readonly field = byId<HTMLInputElement>('key');
  private readonly keep = byId<HTMLInputElement>('key-keep');
  private isTrying = false;

  constructor() {
    byId('key-button').addEventListener('click', () => {
      if (ownerKey.value === null) this.open();
      else ownerKey.signOut();
    });
    byId('key-notice-button').addEventListener('click', () => this.open());
    byId('key-cancel').addEventListener('click', () => this.dialog.close());
    this.dialog.addEventListener('close', () => {
      this.field.value = '';
    });
    byId('key-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.trySignIn();
    });
    ownerKey.whenChanged(() => this.showButton());
    this.showButton();
  }

  /** @param sentence null: there is nothing to ask for. */
  showNotice(sentence: string | null): void {
    byId('key-notice').hidden = sentence === null;
    if (sentence !== null) byId('key-notice-text').textContent = sentence;
  }

  private open(): void {
    this.say(null);
    this.keep.checked = false;
    this.dialog.showModal();
    this.field.focus();
  }

  private showButton(): void {
    const isIn = ownerKey.value !== null;
    byId('key-button').textContent = isIn ? 'Sign out' : 'Sign in';
    byId('key-button').title = isIn ? (ownerKey.isKept ? 'The key is kept on this machine' : 'The key is kept in this tab alone') : '';
  }

  private async trySignIn(): Promise<void> {
    if (this.isTrying) return;
    const key = this.field.value.trim();
    if (!isUsableKey(key)) return this.say('An admin key has letters, digits and signs, and no spaces. It is in the file admin-key.');
    this.isTrying = true;
    try {
      if (await isKeyTaken(key)) {
        ownerKey.set(key, this.keep.checked);
        this.dialog.close();
      } else {
        this.say('The collector does not take this key. It is in the file admin-key in the collector’s data folder.');
        this.field.select();
      }
    } catch (error) {
      this.say(error instanceof Error ? `${error.message} Try again.` : String(error));
    } finally {
      this.isTrying = false;
    }
  }

  private say(sentence: string | null): void {
    const problem = byId('key-problem');
    problem.hidden = sentence === null;
    problem.textContent = sentence ?? '';
    if (sentence === null) this.field.removeAttribute('aria-invalid');
    else this.field.setAttribute('aria-invalid', 'true');
  }
}
