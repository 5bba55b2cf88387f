// Texts and pages of fimbul's own that are shown in the window, wherever the server runs.

import * as vscode from 'vscode';

const SCHEME = 'fimbul';

/** Texts to read, each under a name; showing one again renews it. */
export class Pages implements vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: this.changed.event,
    provideTextDocumentContent: (uri) => this.texts.get(uri.path) ?? '',
  });

  async show(name: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: name });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
  }

  dispose(): void {
    this.provider.dispose();
    this.changed.dispose();
  }
}

/** Show a page of HTML that brings its own style and policy; no script may run in it. */
export function showPage(title: string, html: string): void {
  const panel = vscode.window.createWebviewPanel(SCHEME, title, vscode.ViewColumn.Active, {});
  panel.webview.html = html;
}
