// Whether suggestions are asked for: everywhere, in this folder, in this language, and for how long not.

import * as vscode from 'vscode';

import { toggled } from './settings';
import type { Own } from './status';

const WORKSPACE_OFF = 'off';
const MINUTE = 60_000;
const SNOOZES = [5, 15, 30, 60, 240];

/** What the user has switched off. */
export class Switches implements vscode.Disposable {
  private until = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onChange = this.changed.event;

  constructor(private readonly context: vscode.ExtensionContext) {}

  /** Whether a suggestion may be asked for in a document. */
  mayAsk(document: vscode.TextDocument): boolean {
    return this.why(document) === '' && this.snoozed === 0;
  }

  /** What the status item says of this. */
  own(document: vscode.TextDocument | undefined): Own {
    return { off: this.why(document), snoozed: this.snoozed };
  }

  async toggle(): Promise<void> {
    const configuration = vscode.workspace.getConfiguration('fimbul');
    const isOn = configuration.get<boolean>('completion.enable', true);
    await configuration.update('completion.enable', !isOn, vscode.ConfigurationTarget.Global);
    this.changed.fire();
  }

  async toggleLanguage(): Promise<void> {
    const language = vscode.window.activeTextEditor?.document.languageId;
    if (!language) {
      void vscode.window.showInformationMessage('fimbul: open a file whose language is meant.');
      return;
    }
    const configuration = vscode.workspace.getConfiguration('fimbul');
    const off = configuration.get<string[]>('completion.disabled_languages', []);
    const target = vscode.ConfigurationTarget.Global;
    await configuration.update('completion.disabled_languages', toggled(off, language), target);
    this.changed.fire();
  }

  async toggleWorkspace(): Promise<void> {
    const isOff = this.context.workspaceState.get<boolean>(WORKSPACE_OFF, false);
    await this.context.workspaceState.update(WORKSPACE_OFF, !isOff);
    this.changed.fire();
  }

  async snooze(): Promise<void> {
    const choices = SNOOZES.map((minutes) => ({ label: `${minutes} minutes`, minutes }));
    const end = { label: 'Not any more', minutes: 0 };
    const chosen = await vscode.window.showQuickPick(this.snoozed ? [end, ...choices] : choices, {
      placeHolder: 'How long there are to be no suggestions',
    });
    if (chosen) {
      this.snoozeFor(chosen.minutes * MINUTE);
    }
  }

  /** Ask for nothing for so many milliseconds. */
  snoozeFor(milliseconds: number): void {
    clearTimeout(this.timer);
    this.until = Date.now() + milliseconds;
    this.timer = setTimeout(() => this.changed.fire(), milliseconds);
    this.changed.fire();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  private get snoozed(): number {
    return Math.max(0, this.until - Date.now());
  }

  private why(document: vscode.TextDocument | undefined): string {
    const configuration = vscode.workspace.getConfiguration('fimbul');
    if (!configuration.get<boolean>('completion.enable', true)) {
      return 'Switched off.';
    }
    if (this.context.workspaceState.get<boolean>(WORKSPACE_OFF, false)) {
      return 'Switched off in this folder.';
    }
    const off = configuration.get<string[]>('completion.disabled_languages', []);
    return document && off.includes(document.languageId) ? `Switched off for ${document.languageId}.` : '';
  }
}
