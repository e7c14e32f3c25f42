// Starts the console.

import { render } from 'preact';
import './css/tokens.css';
import './css/base.css';
import './css/header.css';
import './css/list.css';
import './css/incident.css';
import './css/evidence.css';
import { startKeys } from './keys';
import { startSettings } from './settings';
import { start } from './state';
import { App } from './ui/app';

const root = document.getElementById('app');
if (root) {
  startSettings();
  start();
  startKeys();
  render(<App />, root);
}
