// Draws panels of a dashboard from answered queries with Grafana's own components; what Grafana keeps to itself
// (state timeline, status history, bar chart, table cells) is drawn here in its theme.
import { createRoot } from 'react-dom/client';
import {
  createTheme, dateTime, fieldMatchers, FieldType, getDisplayProcessor, getDisplayValueAlignmentFactors,
  getFieldDisplayName, getFieldSeriesColor, ThemeContext, toDataFrame,
} from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueTextMode, PanelChrome, TimeSeries } from '@grafana/ui';
import uplot from 'uplot/dist/uPlot.min.css';

const { panels, range, width, title } = window.DATA;
const theme = createTheme({ colors: { mode: 'dark' } });
const CELL = width / 24;
const ROW = 36;

function configured(panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const frames = panel.frames.map(toDataFrame);
  let series = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (field.type === FieldType.time) continue;
      const known = field.config;
      field.config = { color: { mode: 'palette-classic' }, ...defaults, ...known, custom: { ...defaults.custom } };
      field.state = { seriesIndex: series++ };
      for (const { matcher, properties } of overrides) {
        if (!fieldMatchers.get(matcher.id).get(matcher.options)(field, frame, frames)) continue;
        for (const { id, value } of properties) {
          if (id.startsWith('custom.')) field.config.custom[id.slice(7)] = value;
          else if (id !== 'displayName' && id !== 'links') field.config[id] = value;
        }
      }
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
  }
  return frames;
}

const shown = (field, value) => {
  const { prefix = '', text, suffix = '' } = field.display(value);
  return `${prefix}${text}${suffix}`;
};

function Lines({ panel, frames, w, h }) {
  if (!frames.length) return <Nothing />;
  const { from, to } = range;
  const stacked = panel.fieldConfig.defaults.custom?.stacking;
  const legend = { displayMode: 'list', placement: 'bottom', calcs: [], showLegend: frames.length <= 12 };
  return (
    <TimeSeries
      frames={frames} width={w} height={h} timeZone="utc" structureRev={1} options={{ stacking: stacked }}
      timeRange={{ from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } }}
      legend={legend} replaceVariables={(text) => text}
    />
  );
}

function Tile({ panel, frames, w, h }) {
  const fields = frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number));
  if (!fields.length) return <Nothing />;
  const named = panel.options.textMode === 'name';
  const values = fields.map((field) => {
    const value = field.display(field.values[field.values.length - 1]);
    return { ...value, title: getFieldDisplayName(field, { fields }) };
  });
  const most = values.slice(0, 3);
  return (
    <div style={{ display: 'flex' }}>
      {most.map((value, place) => (
        <BigValue
          key={place} theme={theme} width={w / most.length} height={h} colorMode={BigValueColorMode.Value}
          graphMode={BigValueGraphMode.None} count={most.length} value={value}
          textMode={named ? BigValueTextMode.Name : most.length === 1 ? BigValueTextMode.Value : BigValueTextMode.ValueAndName}
          alignmentFactors={getDisplayValueAlignmentFactors(most.map((display) => ({ display })))}
        />
      ))}
    </div>
  );
}

const Nothing = () => <div style={{ color: theme.colors.text.secondary, padding: 16 }}>no data</div>;

function ticks(count) {
  const made = [];
  for (let place = 0; place <= count; place++) {
    const moment = range.from + ((range.to - range.from) * place) / count;
    made.push(new Date(moment).toISOString().slice(11, 16));
  }
  return made;
}

function Cells({ frames, w, h, merged }) {
  const names = 190;
  const rows = frames.map((frame) => frame.fields.find((field) => field.type === FieldType.number));
  const tall = Math.min(34, (h - 24) / Math.max(1, rows.length));
  const wide = w - names - 8;
  const at = (moment) => names + ((moment - range.from) / (range.to - range.from)) * wide;
  return (
    <svg width={w} height={h} style={{ font: `11px ${theme.typography.fontFamily}` }}>
      {frames.map((frame, row) => {
        const times = frame.fields[0].values;
        const field = rows[row];
        const step = times.length > 1 ? Math.min(...times.slice(1).map((time, n) => time - times[n])) : 60000;
        return (
          <g key={row} transform={`translate(0,${row * tall})`}>
            <text x={names - 6} y={tall / 2 + 4} textAnchor="end" fill={theme.colors.text.primary}>
              {getFieldDisplayName(field, frame).slice(0, 32)}
            </text>
            {times.map((time, n) => (
              field.values[n] === null || time < range.from ? null : (
                <rect
                  key={n} x={at(time)} y={1} height={Math.max(1, tall - 2)} fill={field.display(field.values[n]).color}
                  width={Math.max(1, (wide * step) / (range.to - range.from) - (merged ? -0.5 : 0.6))} opacity={0.85}
                />
              )
            ))}
          </g>
        );
      })}
      {ticks(6).map((text, place) => (
        <text key={place} x={names + (wide * place) / 6} y={h - 6} textAnchor="middle" fill={theme.colors.text.secondary}>{text}</text>
      ))}
    </svg>
  );
}

function Bars({ frames, w, h }) {
  if (!frames.length) return <Nothing />;
  const [label, ...fields] = frames[0].fields;
  const most = Math.max(...fields.flatMap((field) => [...field.values]));
  const foot = 120;
  const slot = (w - 60) / label.values.length;
  return (
    <svg width={w} height={h} style={{ font: `11px ${theme.typography.fontFamily}` }}>
      {[0, 0.25, 0.5, 0.75, 1].map((part) => (
        <g key={part}>
          <line x1={56} x2={w} y1={(h - foot) * (1 - part) + 6} y2={(h - foot) * (1 - part) + 6} stroke={theme.colors.border.weak} />
          <text x={50} y={(h - foot) * (1 - part) + 10} textAnchor="end" fill={theme.colors.text.secondary}>{shown(fields[0], most * part)}</text>
        </g>
      ))}
      {label.values.map((name, place) => (
        <g key={place} transform={`translate(${58 + place * slot},0)`}>
          {fields.map((field, side) => {
            const high = ((field.values[place] ?? 0) / most) * (h - foot);
            const color = getFieldSeriesColor(field, theme).color;
            return <rect key={side} x={side * slot * 0.45} width={slot * 0.42} y={h - foot - high + 6} height={high} fill={color} />;
          })}
          <text transform={`translate(${slot / 2},${h - foot + 14}) rotate(-45)`} textAnchor="end" fill={theme.colors.text.primary}>{String(name).slice(0, 24)}</text>
        </g>
      ))}
      {fields.map((field, side) => (
        <g key={side} transform={`translate(${50 + side * 130},${h - 10})`}>
          <rect width={14} height={4} y={-5} fill={getFieldSeriesColor(field, theme).color} />
          <text x={20} fill={theme.colors.text.primary}>{field.name}</text>
        </g>
      ))}
    </svg>
  );
}

function Rows({ panel, frames, w }) {
  if (!frames.length) return <Nothing />;
  const { fields } = frames[0];
  const sort = panel.options.sortBy?.[0];
  const by = sort && fields.find((field) => field.name === sort.displayName);
  const order = [...fields[0].values.keys()];
  if (by) order.sort((one, other) => (by.values[one] - by.values[other]) * (sort.desc ? -1 : 1));
  const edge = `1px solid ${theme.colors.border.weak}`;
  const style = (field, value) => {
    if (field.config.custom?.cellOptions?.type !== 'color-background' || value === null) return {};
    return { background: field.display(value).color, color: theme.colors.getContrastText(field.display(value).color) };
  };
  return (
    <table style={{ width: w, borderCollapse: 'collapse', font: `13px ${theme.typography.fontFamily}` }}>
      <thead>
        <tr>{fields.map((field) => <th key={field.name} style={{ textAlign: 'left', padding: '6px 8px', borderBottom: edge, color: theme.colors.text.maxContrast }}>{field.name}</th>)}</tr>
      </thead>
      <tbody>
        {order.map((row) => (
          <tr key={row}>
            {fields.map((field) => (
              <td key={field.name} style={{ padding: '5px 8px', borderBottom: edge, ...style(field, field.values[row]) }}>
                {field.type === FieldType.number ? (field.values[row] === null ? '' : shown(field, field.values[row])) : String(field.values[row])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const KINDS = {
  timeseries: Lines, stat: Tile, 'status-history': Cells, table: Rows, barchart: Bars,
  'state-timeline': (properties) => <Cells {...properties} merged />,
};

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const Kind = KINDS[panel.type];
  return (
    <div style={{ position: 'absolute', left: x * CELL + 4, top: y * ROW + 4 }}>
      <PanelChrome title={panel.title} width={w * CELL - 8} height={h * ROW - 8}>
        {(innerWidth, innerHeight) => <Kind panel={panel} frames={configured(panel)} w={innerWidth} h={innerHeight} />}
      </PanelChrome>
    </div>
  );
}

const style = document.createElement('style');
style.textContent = `${uplot} body { margin: 0; background: ${theme.colors.background.canvas}; color: ${theme.colors.text.primary};
  font-family: Inter, Helvetica, Arial, sans-serif; font-size: 14px; } *, *::before { box-sizing: border-box; }
  h2, h6, p, ol, ul { margin: 0; padding: 0; font-weight: 500; font-size: 14px; list-style: none; } button { background: none; border: 0; font: inherit; color: inherit; }`;
document.head.append(style);
document.title = title;
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    {panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
  </ThemeContext.Provider>,
);
setTimeout(() => document.body.setAttribute('data-drawn', 'yes'), 1500);
