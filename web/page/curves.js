// Live loss curves: one line per fine-tuning stage, running ones first.
import {element, get} from './api.js';

// Okabe-Ito: told apart with every common colour vision; the dash changes when the colours run out.
const kColours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8c6d00', '#777777'];
const kDashes = [[], [6, 4], [2, 3]];
let plot = null;

const style = (index) => ({
  stroke: kColours[index % kColours.length],
  dash: kDashes[Math.floor(index / kColours.length) % kDashes.length],
});

// A running mean, so that the noise of single batches does not hide where a curve goes.
function smoothed(points) {
  let mean = null;
  return points.map(([step, value]) => {
    mean = mean == null ? value : 0.93 * mean + 0.07 * value;
    return [step, mean];
  });
}

function draw(curves) {
  const holder = document.getElementById('curves');
  const ink = getComputedStyle(document.body).color;
  const axis = {stroke: ink, grid: {stroke: 'rgba(128,128,128,.12)'}, ticks: {stroke: 'rgba(128,128,128,.4)'}};
  const data = uPlot.join(curves.map((curve) => [curve.points.map((p) => p[0]), curve.points.map((p) => p[1])]));
  const options = {
    width: Math.max(280, holder.clientWidth), height: 260, cursor: {drag: {x: true}},
    scales: {x: {time: false}, y: {distr: 3}},
    axes: [{...axis, label: 'step', labelSize: 18}, {...axis, label: 'loss', labelSize: 18}],
    series: [{label: 'step'}, ...curves.map((curve, index) => ({label: curve.name, spanGaps: true, width: 1.5, points: {show: false}, ...style(index)}))],
  };
  plot?.destroy();
  plot = new uPlot(options, data, holder);
}

function drawLegend(curves) {
  document.getElementById('legend').replaceChildren(...curves.map((curve, index) => {
    const item = element('li');
    const swatch = element('i');
    const {stroke, dash} = style(index);
    swatch.style.background = dash.length ? `repeating-linear-gradient(90deg, ${stroke} 0 ${dash[0]}px, transparent 0 ${dash[0] + dash[1]}px)` : stroke;
    const last = curve.points.at(-1);
    item.append(swatch, `${curve.name}${curve.state === 'running' ? ' (running)' : ''}${last ? `: ${last[1].toPrecision(3)}` : ''}`);
    return item;
  }));
}

export async function showCurves() {
  const {curves} = await get('curves');
  const drawn = curves.filter((curve) => curve.points.length > 0)
      .map((curve) => ({...curve, points: smoothed(curve.points)}));
  const holder = document.getElementById('curves');
  if (drawn.length === 0) {
    plot?.destroy();
    plot = null;
    holder.replaceChildren(element('p', 'No fine-tuning stage has reported a step yet.', 'note'));
  } else {
    if (!plot) holder.replaceChildren();
    draw(drawn);
  }
  drawLegend(drawn);
}
