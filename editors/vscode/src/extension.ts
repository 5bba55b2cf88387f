// fimbul in VS Code: a server, a status item, and the commands around them.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { adapterChoices, whyNone, type Adapters } from './adapters';
import { modelChoices } from './models';
import { Pages, showPage } from './pages';
import { run } from './process';
import { referencesPage, type References } from './references';
import { Server } from './server';
import { fetchModel, installServer, locate, offerInstallation, setUp } from './setup';
import { statusItem, type Outcome, type ServerStatus } from './status';
import { Switches } from './switches';
import type { Found } from './finding';

/** Requests that are explained. */
const LATEST = 20;

let fimbul: Fimbul | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  fimbul = new Fimbul(context);
  context.subscriptions.push(fimbul);
  await fimbul.begin();
}

export async function deactivate(): Promise<void> {
  await fimbul?.end();
  fimbul = undefined;
}

/** Everything in one window. */
class Fimbul implements vscode.Disposable {
  private readonly output = vscode.window.createOutputChannel('fimbul', { log: true });
  private readonly item = vscode.window.createStatusBarItem('fimbul', vscode.StatusBarAlignment.Right, 100);
  private readonly switches: Switches;
  private readonly pages = new Pages();
  private readonly disposables: vscode.Disposable[];
  private found: Found | undefined;
  private server: Server | undefined;
  private status: ServerStatus = { state: 'starting' };
  private outcome: Outcome | undefined;
  private hasOffered = false;

  constructor(private readonly context: vscode.ExtensionContext) {
    this.switches = new Switches(context);
    this.item.name = 'fimbul';
    this.item.command = 'fimbul.menu';
    this.item.show();
    const commands: Record<string, () => unknown> = {
      'fimbul.menu': () => this.menu(),
      'fimbul.toggle': () => this.switches.toggle(),
      'fimbul.toggleLanguage': () => this.switches.toggleLanguage(),
      'fimbul.toggleWorkspace': () => this.switches.toggleWorkspace(),
      'fimbul.snooze': () => this.switches.snooze(),
      'fimbul.why': () => this.why(),
      'fimbul.explainLast': () => this.explain(),
      'fimbul.showReferences': () => this.showReferences(),
      'fimbul.stats': () => this.stats(),
      'fimbul.chooseModel': () => this.chooseModel(),
      'fimbul.chooseAdapter': () => this.chooseAdapter(),
      'fimbul.restart': () => this.restart(),
      'fimbul.setup': () => this.setup(),
      'fimbul.showLog': () => this.output.show(),
    };
    this.disposables = [
      this.output,
      this.item,
      this.switches,
      this.pages,
      this.switches.onChange(() => this.draw()),
      vscode.window.onDidChangeActiveTextEditor(() => this.draw()),
      vscode.workspace.onDidChangeConfiguration((event) => this.settingsChanged(event)),
      ...Object.entries(commands).map(([name, call]) => vscode.commands.registerCommand(name, call)),
    ];
    this.draw();
  }

  /** Find the server and start it, or say that there is none. */
  async begin(): Promise<void> {
    this.found = await locate(this.context);
    if (this.found) {
      await this.start(this.found);
      return;
    }
    this.show({ state: 'no-server', message: 'The server is not installed; click to do so.' });
    // The window is not to wait for an answer.
    void offerInstallation(this.context, this.output).then((found) => found && this.start(found));
  }

  async end(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  dispose(): void {
    this.disposables.forEach((one) => one.dispose());
  }

  private async start(found: Found): Promise<void> {
    this.found = found;
    this.output.info(`Starting ${found.command} ${found.args.join(' ')} (from ${found.from})`);
    this.server = new Server(found, {
      output: this.output,
      options: serverOptions(this.context),
      mayAsk: (document) => this.switches.mayAsk(document),
      onStatus: (status) => this.show(status),
      onOutcome: (outcome) => {
        this.outcome = outcome;
        this.draw();
      },
    });
    try {
      await this.server.start();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.show({ state: 'failed', message: `${found.command} did not start: ${why}` });
    }
  }

  private show(status: ServerStatus): void {
    this.status = status;
    this.draw();
    if (status.state === 'no-model') {
      void this.offerModel(status.message || 'No model is installed.');
    }
  }

  private draw(): void {
    const document = vscode.window.activeTextEditor?.document;
    const shown = statusItem(this.status, this.outcome, this.switches.own(document));
    this.item.text = shown.text;
    this.item.tooltip = new vscode.MarkdownString(shown.tooltip, true);
    this.item.accessibilityInformation = { label: shown.spoken };
    this.item.backgroundColor = shown.warns
      ? new vscode.ThemeColor('statusBarItem.warningBackground')
      : undefined;
  }

  private async settingsChanged(event: vscode.ConfigurationChangeEvent): Promise<void> {
    this.draw();
    if (event.affectsConfiguration('fimbul.server')) {
      await this.restart();
    }
  }

  private async restart(): Promise<void> {
    await this.end();
    this.outcome = undefined;
    await this.begin();
  }

  private async setup(): Promise<void> {
    const found = this.found ?? (await locate(this.context));
    const isDone = found
      ? await setUp(found, this.output)
      : (await installServer(this.context, this.output)) !== undefined;
    if (isDone) {
      await this.restart();
    }
  }

  private async menu(): Promise<void> {
    const entries: [string, string][] = [
      ['fimbul.why', '$(question) Why is nothing suggested?'],
      ['fimbul.toggle', '$(circle-slash) Switch suggestions on or off'],
      ['fimbul.toggleLanguage', '$(symbol-namespace) … in this language'],
      ['fimbul.toggleWorkspace', '$(folder) … in this folder'],
      ['fimbul.snooze', '$(bell-slash) Snooze'],
      ['fimbul.explainLast', '$(list-unordered) What became of the last requests'],
      ['fimbul.showReferences', '$(law) Published code that suggestions resemble'],
      ['fimbul.stats', '$(graph) Statistics'],
      ['fimbul.chooseModel', '$(package) Choose a model'],
      ['fimbul.chooseAdapter', '$(layers) Choose an adapter'],
      ['fimbul.setup', '$(desktop-download) Set up the engine and the model'],
      ['fimbul.restart', '$(refresh) Restart the server'],
      ['fimbul.showLog', '$(output) Log'],
    ];
    const items = entries.map(([command, label]) => ({ command, label }));
    const chosen = await vscode.window.showQuickPick(items, { placeHolder: 'fimbul' });
    if (chosen) {
      await vscode.commands.executeCommand(chosen.command);
    }
  }

  private async why(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    const off = this.switches.own(document);
    if (off.off || off.snoozed) {
      const shown = statusItem(this.status, undefined, off).tooltip.split('\n\n').at(-1);
      void vscode.window.showInformationMessage(`fimbul: ${shown}`);
      return;
    }
    const outcome =
      document && this.server
        ? await this.server.request<Outcome | null>('fimbul/lastOutcome', { uri: document.uri.toString() })
        : null;
    const text = outcome?.reason
      ? (outcome.explanation ?? outcome.reason)
      : outcome
        ? 'the last request in this file was answered with a suggestion.'
        : 'nothing was asked in this file yet.';
    const more = 'Explain';
    if ((await vscode.window.showInformationMessage(`fimbul: ${text}`, more)) === more) {
      await this.explain();
    }
  }

  /** Show what became of the latest requests, as the server of this window remembers it. */
  private async explain(): Promise<void> {
    const told = await this.server?.request<{ text: string }>('workspace/executeCommand', {
      command: 'fimbul.explain',
      arguments: [{ count: LATEST, message: false }],
    });
    await this.pages.show('Last requests', told?.text ?? 'fimbul does not run.');
  }

  /** Show what the last suggestion resembles, and what was accepted though it does. */
  private async showReferences(): Promise<void> {
    const uri = vscode.window.activeTextEditor?.document.uri.toString();
    const ask = async (about: { uri?: string }) => this.server?.request<References>('fimbul/references', about);
    const here = uri ? await ask({ uri }) : undefined;
    const last = uri ? await this.server?.request<Outcome | null>('fimbul/lastOutcome', { uri }) : undefined;
    await this.pages.show('References', referencesPage(last?.references, here, await ask({})));
  }

  private async stats(): Promise<void> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fimbul-stats-'));
    const page = path.join(folder, 'stats.html');
    try {
      if (await this.command(['stats', '--html', page])) {
        showPage('fimbul: statistics', readFileSync(page, 'utf8'));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  private async chooseModel(): Promise<void> {
    const lines: string[] = [];
    if (!(await this.command(['models', 'list', '--json'], lines))) {
      return;
    }
    const choices = modelChoices(lines.join('\n'));
    const chosen = await vscode.window.showQuickPick(choices, { placeHolder: 'Model', matchOnDetail: true });
    if (!chosen || !this.found || !(chosen.isHere || (await fetchModel(this.found, chosen.name, this.output)))) {
      return;
    }
    const target = vscode.ConfigurationTarget.Global;
    await vscode.workspace.getConfiguration('fimbul').update('engine.model', chosen.name, target);
    await this.restart();
  }

  /** Put an adapter over the model in the folder of the current file, or none; the server keeps it. */
  private async chooseAdapter(): Promise<void> {
    const uri = vscode.window.activeTextEditor?.document.uri.toString();
    const ask = (more: object): Promise<Adapters | null | undefined> =>
      this.server?.request<Adapters | null>('workspace/executeCommand', {
        command: 'fimbul.adapters',
        arguments: [{ ...(uri && isInFolder(uri) ? { uri } : {}), ...more }],
      }) ?? Promise.resolve(undefined);
    const found = await ask({ action: 'list' });
    if (!found) {
      return;
    }
    const choices = adapterChoices(found);
    if (choices.length === 0) {
      void vscode.window.showInformationMessage(`fimbul: ${whyNone(found)}`);
      return;
    }
    const chosen = await vscode.window.showQuickPick(choices, { placeHolder: `Adapter in ${found.folder}` });
    if (chosen) {
      await ask({ action: chosen.action, id: chosen.id });
    }
  }

  /** Offer to fetch the model, once in a window. */
  private async offerModel(message: string): Promise<void> {
    if (this.hasOffered) {
      return;
    }
    this.hasOffered = true;
    const [fetch, choose] = ['Set it up', 'Choose a model'];
    const answer = await vscode.window.showWarningMessage(`fimbul: ${message}`, fetch, choose);
    if (answer === fetch) {
      await this.setup();
    } else if (answer === choose) {
      await this.chooseModel();
    }
  }

  /** Run a command of the server's program; returns whether it worked. */
  private async command(args: string[], lines: string[] = []): Promise<boolean> {
    if (!this.found) {
      await this.begin();
      return false;
    }
    const errors: string[] = [];
    try {
      await run(this.found.command, args, {
        onLine: (line) => lines.push(line),
        onError: (line) => errors.push(line),
      });
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`fimbul: ${why}. ${errors.at(-1) ?? ''}`);
      return false;
    }
  }
}

/** Whether a document lies in a folder of this window. */
function isInFolder(uri: string): boolean {
  return vscode.workspace.getWorkspaceFolder(vscode.Uri.parse(uri)) !== undefined;
}

/** Return the keys of the server's options among the settings that the extension contributes. */
function serverOptions(context: vscode.ExtensionContext): string[] {
  const manifest = context.extension.packageJSON as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  return Object.keys(manifest.contributes.configuration.properties)
    .map((key) => key.replace(/^fimbul\./, ''))
    .filter((key) => !key.startsWith('server.'));
}
