// Making an environment with the server in it, and fetching the model: only after the user agrees.

import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { findServer, inEnvironment, installation, type Found, type Places } from './finding';
import { run } from './process';
import { progressOf } from './progress';

const PYTHON = 'ms-python.python';

interface PythonApi {
  environments?: { getActiveEnvironmentPath?: (resource?: vscode.Uri) => { path?: string } | undefined };
}

/** Return where the server is, for the window as it is now. */
export async function locate(context: vscode.ExtensionContext): Promise<Found | undefined> {
  return findServer(await places(context));
}

/** Tell that there is no server, and do what the user chooses. */
export async function offerInstallation(
  context: vscode.ExtensionContext,
  output: vscode.LogOutputChannel,
): Promise<Found | undefined> {
  const install = 'Install…';
  const choose = 'Name the command';
  const answer = await vscode.window.showWarningMessage(
    'fimbul: there is no `fimbul` on PATH, in the chosen Python or in the setting fimbul.server.command.',
    install,
    choose,
  );
  if (answer === choose) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'fimbul.server.command');
  }
  return answer === install ? installServer(context, output) : undefined;
}

/** Make our own environment, after the user has seen what will be run. */
export async function installServer(
  context: vscode.ExtensionContext,
  output: vscode.LogOutputChannel,
): Promise<Found | undefined> {
  const own = ownEnvironment(context);
  const configuration = vscode.workspace.getConfiguration('fimbul');
  const what = configuration.get<string>('server.package');
  if (!what) {
    // As long as no release has the name, whoever takes it there first would be installed.
    const open = 'Open the setting';
    const answer = await vscode.window.showWarningMessage(
      'fimbul: there is no package to download yet. Set fimbul.server.package to the path of a clone or of a wheel of fimbul, then try again.',
      open,
    );
    if (answer === open) {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'fimbul.server.package');
    }
    return undefined;
  }
  const python = configuration.get<string>('server.python') || 'python3';
  const steps = [
    ...installation(own, python, what, process.platform),
    { command: inEnvironment(own, 'fimbul', process.platform), args: ['setup', '--source', 'any'] },
  ];
  const go = 'Run';
  const answer = await vscode.window.showInformationMessage(
    'fimbul: install the server and its model?',
    {
      modal: true,
      detail:
        'This runs, one after the other:\n\n' +
        steps.map(({ command, args }) => `${command} ${args.join(' ')}`).join('\n') +
        '\n\nThe engine is built for this processor (some minutes) and a model of half a gigabyte is fetched.',
    },
    go,
  );
  if (answer !== go) {
    return undefined;
  }
  mkdirSync(path.dirname(own), { recursive: true });
  await withProgress('Installing fimbul', output, steps);
  // Where only the model is missing, the server says so itself, and it can be fetched later.
  return locate(context);
}

/** Build what is missing of the engine and fetch the model. */
export async function setUp(found: Found, output: vscode.LogOutputChannel): Promise<boolean> {
  return withProgress('Setting up fimbul', output, [{ command: found.command, args: ['setup', '--source', 'any'] }]);
}

/** Fetch a model that the user has chosen. */
export async function fetchModel(
  found: Found,
  name: string,
  output: vscode.LogOutputChannel,
): Promise<boolean> {
  const step = { command: found.command, args: ['models', 'pull', name, '--source', 'any'] };
  return withProgress(`Fetching ${name}`, output, [step]);
}

async function withProgress(
  title: string,
  output: vscode.LogOutputChannel,
  steps: readonly { command: string; args: string[] }[],
): Promise<boolean> {
  let wasCancelled = false;
  let said = '';
  const place = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  try {
    await vscode.window.withProgress(place, async (progress, token) => {
      for (const { command, args } of steps) {
        if (token.isCancellationRequested) {
          wasCancelled = true;
          throw new Error('it was cancelled');
        }
        output.info(`${command} ${args.join(' ')}`);
        said = '';
        await run(command, args, {
          onLine: (line) => {
            const { message, percent } = progressOf(line, said);
            progress.report({ message });
            if (percent === undefined) {
              said = message;
              output.info(line);
            }
          },
          onStart: (end) => token.onCancellationRequested(() => {
            wasCancelled = true;
            end();
          }),
        });
      }
    });
    return true;
  } catch (error) {
    if (wasCancelled) {
      void vscode.window.showInformationMessage(`${title} was stopped; what has arrived is kept.`);
      return false;
    }
    const why = error instanceof Error ? error.message : String(error);
    const show = 'Show the log';
    // What comes next is not to wait until somebody has read it.
    void vscode.window
      .showErrorMessage(`${title} did not work: ${why}. ${said}`, show)
      .then((answer) => answer === show && output.show());
    return false;
  }
}

async function places(context: vscode.ExtensionContext): Promise<Places> {
  const configuration = vscode.workspace.getConfiguration('fimbul');
  return {
    // A folder must not choose what is run, so only the user's own value counts.
    setting: configuration.inspect<string[]>('server.command')?.globalValue ?? [],
    path: process.env['PATH'] ?? '',
    python: await chosenPython(),
    own: ownEnvironment(context),
    platform: process.platform,
  };
}

async function chosenPython(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi>(PYTHON);
  if (!extension) {
    return undefined;
  }
  try {
    const api = await extension.activate();
    return api.environments?.getActiveEnvironmentPath?.()?.path;
  } catch {
    // Without it there is one place less to look at.
    return undefined;
  }
}

function ownEnvironment(context: vscode.ExtensionContext): string {
  return path.join(context.globalStorageUri.fsPath, 'environment');
}
