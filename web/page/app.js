// Wires the page: a state message redraws the strip, and whatever else has changed with it.
import {listen} from './api.js';
import {prepareTable, showTable} from './ablation.js';
import {showCurves} from './curves.js';
import {showLost, showState} from './state.js';
import {showTrials} from './trials.js';

let prepared = false;
let lastDone = -1;
let busy = false;

// At most one refresh is under way; a message that comes meanwhile is answered by the next one.
async function refresh(state) {
  if (busy) return;
  busy = true;
  try {
    if (!prepared) {
      await prepareTable();
      prepared = true;
    }
    await showCurves();
    const done = state.counts.done + state.counts.reused + state.counts.failed;
    if (done !== lastDone) {
      await Promise.all([showTable(), showTrials()]);
      lastDone = done;
    }
  } finally {
    busy = false;
  }
}

listen((state) => {
  showState(state);
  refresh(state).catch(showLost);
}, showLost);
