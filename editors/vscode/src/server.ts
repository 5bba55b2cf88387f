// The language client: starts the server, tells it what the user has set, asks it on VS Code's behalf.

import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  State,
  type LanguageClientOptions,
  type ServerOptions,
} from 'vscode-languageclient/node';

import type { Found } from './finding';
import { exclusions, explicitOptions } from './settings';
import type { Outcome, ServerStatus } from './status';

const SECTION = 'fimbul';
/** Sections of VS Code's own settings whose `exclude` the server keeps to. */
const EXCLUDING = ['files', 'search'];
const CURSOR_RESTS = 150;
const MOST_RESTARTS = 5;

/** What the rest of the extension wants to know, and what it decides. */
export interface Around {
  output: vscode.LogOutputChannel;
  /** Keys of the server's options among our settings. */
  options: readonly string[];
  /** Whether a suggestion may be asked for in this document now. */
  mayAsk: (document: vscode.TextDocument) => boolean;
  onStatus: (status: ServerStatus) => void;
  onOutcome: (outcome: Outcome | undefined) => void;
}

interface Longer {
  textDocument: { uri: string; version: number };
  position: { line: number; character: number };
}

/** One running server. */
export class Server implements vscode.Disposable {
  private readonly client: LanguageClient;
  private readonly disposables: vscode.Disposable[] = [];
  private cursorTimer: NodeJS.Timeout | undefined;
  private askedAgain = false;
  private restarts = 0;
  private wasReady = false;

  constructor(
    found: Found,
    private readonly around: Around,
  ) {
    const server: ServerOptions = { command: found.command, args: found.args };
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: 'file' },
        { scheme: 'untitled' },
        { scheme: 'vscode-remote' },
        { notebook: '*' },
      ],
      initializationOptions: this.options(),
      outputChannel: around.output,
      connectionOptions: { maxRestartCount: MOST_RESTARTS },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: () => this.whenClosed(),
      },
      middleware: {
        workspace: {
          // The client would send defaults, too, and they would hide the user's own settings file.
          configuration: (params) =>
            params.items.map((item) => (item.section === SECTION ? this.options() : null)),
          didChangeConfiguration: async () => {
            await this.client.sendNotification('workspace/didChangeConfiguration', {
              settings: { [SECTION]: this.options() },
            });
          },
        },
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          if (!around.mayAsk(document)) {
            return null;
          }
          // What the server told us to ask for is not what the user asked for.
          const automatic = vscode.InlineCompletionTriggerKind.Automatic;
          const asked = this.askedAgain ? { ...context, triggerKind: automatic } : context;
          this.askedAgain = false;
          const answer = await next(document, position, asked, token);
          void this.lookAtOutcome(document.uri);
          return answer;
        },
      },
      synchronize: { configurationSection: [SECTION, ...EXCLUDING.map((one) => `${one}.exclude`)] },
    };
    this.client = new LanguageClient(SECTION, 'fimbul', server, options);
    this.disposables.push(
      this.client.onNotification('fimbul/status', (status: ServerStatus) => {
        const isReady = status.state === 'ready';
        this.restarts = isReady ? 0 : this.restarts;
        around.onStatus(status);
        if (isReady && !this.wasReady) {
          // What was asked while the model was loading got no answer.
          void this.askAgain();
        }
        this.wasReady = isReady;
      }),
      this.client.onNotification('fimbul/longer', (longer: Longer) => this.showLonger(longer)),
      this.client.onDidChangeState(({ newState }) => {
        if (newState === State.Starting) {
          around.onStatus({ state: 'starting' });
        }
      }),
      vscode.window.onDidChangeTextEditorSelection((event) => {
        if (event.kind !== vscode.TextEditorSelectionChangeKind.Keyboard || !event.selections[0]?.isEmpty) {
          this.cursorMoved();
        }
      }),
      vscode.window.onDidChangeActiveTextEditor(() => this.cursorMoved()),
      vscode.window.onDidChangeWindowState(() => this.cursorMoved()),
    );
  }

  /** Start the server; throws if it does not start. */
  async start(): Promise<void> {
    await this.client.start();
    this.cursorMoved();
  }

  /** End the server. */
  async stop(): Promise<void> {
    this.dispose();
    if (this.client.needsStop()) {
      await this.client.stop();
    }
  }

  /** Ask the server something of its own protocol. */
  request<Answer>(method: string, params: unknown): Promise<Answer> {
    return this.client.sendRequest<Answer>(method, params);
  }

  dispose(): void {
    clearTimeout(this.cursorTimer);
    this.disposables.splice(0).forEach((one) => one.dispose());
  }

  private options(): Record<string, unknown> {
    const configuration = vscode.workspace.getConfiguration(SECTION);
    const options = explicitOptions(
      this.around.options.map((key) => {
        const globalValue = configuration.inspect(key)?.globalValue;
        return { key, globalValue };
      }),
    );
    return { ...options, editorExclude: this.excluded() };
  }

  /** What no window shows or searches is not looked at; of several folders each excludes for all. */
  private excluded(): string[] {
    const places = [undefined, ...(vscode.workspace.workspaceFolders ?? []).map((one) => one.uri)];
    return exclusions(
      places.flatMap((place) =>
        EXCLUDING.map(
          (one) => vscode.workspace.getConfiguration(one, place).inspect('exclude') ?? {},
        ),
      ),
    );
  }

  private whenClosed(): { action: CloseAction; message?: string } {
    this.restarts += 1;
    if (this.restarts <= MOST_RESTARTS) {
      this.around.output.warn('The server ended and is started again.');
      return { action: CloseAction.Restart };
    }
    const message = `The server ended ${MOST_RESTARTS} times in a row; "fimbul: Restart" tries again.`;
    this.around.onStatus({ state: 'failed', message });
    return { action: CloseAction.DoNotRestart, message };
  }

  private async lookAtOutcome(uri: vscode.Uri): Promise<void> {
    try {
      const params = { uri: this.client.code2ProtocolConverter.asUri(uri) };
      this.around.onOutcome((await this.request<Outcome | null>('fimbul/lastOutcome', params)) ?? undefined);
    } catch {
      // The server has just ended; its state is shown already.
      this.around.onOutcome(undefined);
    }
  }

  private showLonger(longer: Longer): void {
    const editor = vscode.window.activeTextEditor;
    if (!editor || editor.document.version !== longer.textDocument.version) {
      return;
    }
    const { code2ProtocolConverter, protocol2CodeConverter } = this.client;
    const isHere =
      code2ProtocolConverter.asUri(editor.document.uri) === longer.textDocument.uri &&
      editor.selection.active.isEqual(protocol2CodeConverter.asPosition(longer.position));
    if (isHere) {
      void this.askAgain();
    }
  }

  private async askAgain(): Promise<void> {
    // What VS Code shows already it would keep, and take the new one for an alternative.
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    this.askedAgain = true;
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
  }

  private cursorMoved(): void {
    clearTimeout(this.cursorTimer);
    this.cursorTimer = setTimeout(() => {
      const editor = vscode.window.activeTextEditor;
      if (!editor || !vscode.window.state.focused || !this.client.isRunning()) {
        return;
      }
      const { code2ProtocolConverter } = this.client;
      void this.client.sendNotification('fimbul/cursor', {
        textDocument: code2ProtocolConverter.asTextDocumentIdentifier(editor.document),
        position: code2ProtocolConverter.asPosition(editor.selection.active),
      });
    }, CURSOR_RESTS);
  }
}
