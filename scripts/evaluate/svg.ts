/** A line chart as SVG text: no script, no font of its own, readable on light and dark pages. */

export type Line = Readonly<{
  name: string;
  colour: string;
  dash?: string;
  points: readonly Readonly<{ x: number; y: number }>[];
  /** Around the line: its upper and lower end by point. */
  band?: readonly Readonly<{ x: number; low: number; high: number }>[];
}>;
export type Mark = Readonly<{
  name: string;
  colour: string;
  x: number;
  y: number;
  low: number;
  high: number;
  shape: "circle" | "square";
  /** Where its name goes; absent: the legend names it. */
  label?: "right" | "above" | "below";
}>;
export type Panel = Readonly<{
  title: string;
  xLabel: string;
  yLabel: string;
  x: Readonly<{ from: number; to: number; ticks: readonly number[]; text: (value: number) => string }>;
  y: Readonly<{ from: number; to: number; ticks: readonly number[]; text: (value: number) => string }>;
  lines: readonly Line[];
  marks: readonly Mark[];
}>;

const WIDTH = 480;
const HEIGHT = 380;
const LEFT = 56;
const TOP = 44;
const PLOT = { width: 404, height: 272 };
const LEGEND_ROW = 18;

export function chartOf(title: string, panels: readonly Panel[]): string {
  const names = [...new Map(panels.flatMap(({ lines }) => lines).map((line) => [line.name, line])).values()];
  const height = HEIGHT + LEGEND_ROW * Math.ceil(names.length / 3) + 12;
  const width = WIDTH * panels.length;
  const body = panels.map(
    (panel, index) => `<g transform="translate(${index * WIDTH},0)">${panelOf(panel)}</g>`,
  );
  const legend = names.map(({ name, colour, dash }, index) => {
    const x = LEFT + (index % 3) * ((width - LEFT) / 3);
    const y = HEIGHT + 6 + LEGEND_ROW * Math.floor(index / 3);
    return `<path d="M${x} ${y}h26" stroke="${colour}" stroke-width="2.5"${dashOf(dash)}/><text x="${x + 32}" y="${y + 4}">${escaped(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui,sans-serif" font-size="12" fill="#1f2933">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${body.join("\n")}
${legend.join("\n")}
</svg>
`;
}

function panelOf({ title, xLabel, yLabel, x, y, lines, marks }: Panel): string {
  const px = (value: number) => rounded(LEFT + (PLOT.width * (value - x.from)) / (x.to - x.from));
  const py = (value: number) => rounded(TOP + PLOT.height * (1 - (value - y.from) / (y.to - y.from)));
  const bottom = TOP + PLOT.height;
  const grid = y.ticks.map(
    (tick) =>
      `<path d="M${LEFT} ${py(tick)}h${PLOT.width}" stroke="#d9dee4"/><text x="${LEFT - 8}" y="${py(tick) + 4}" text-anchor="end" fill="#52606d">${escaped(y.text(tick))}</text>`,
  );
  const ticks = x.ticks.map(
    (tick) =>
      `<text x="${px(tick)}" y="${bottom + 18}" text-anchor="middle" fill="#52606d">${escaped(x.text(tick))}</text>`,
  );
  const bands = lines.map(({ colour, band }) => {
    if (band === undefined) return "";
    const upper = band.map((point) => `${px(point.x)},${py(point.high)}`);
    const lower = band.toReversed().map((point) => `${px(point.x)},${py(point.low)}`);
    return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colour}" fill-opacity="0.13"/>`;
  });
  const drawn = lines.map(
    ({ colour, dash, points }) =>
      `<polyline points="${points.map((point) => `${px(point.x)},${py(point.y)}`).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"${dashOf(dash)}/>`,
  );
  const marked = marks.map((mark) => {
    const [cx, cy] = [px(mark.x), py(mark.y)];
    const bar = `<path d="M${cx} ${py(mark.low)}V${py(mark.high)}" stroke="${mark.colour}" stroke-width="1.5"/>`;
    const shape =
      mark.shape === "circle"
        ? `<circle cx="${cx}" cy="${cy}" r="4.5" fill="${mark.colour}" stroke="#ffffff"/>`
        : `<rect x="${cx - 4}" y="${cy - 4}" width="8" height="8" fill="${mark.colour}" stroke="#ffffff"/>`;
    const name = nameOf(mark, cx, { above: py(mark.high), at: cy, below: py(mark.low) });
    return bar + shape + name;
  });
  return `<text x="${LEFT}" y="20" font-weight="600">${escaped(title)}</text><text x="${LEFT}" y="36" fill="#52606d">${escaped(yLabel)}</text>
${grid.join("")}${ticks.join("")}<text x="${LEFT + PLOT.width / 2}" y="${bottom + 38}" text-anchor="middle" fill="#52606d">${escaped(xLabel)}</text>
${bands.join("")}${drawn.join("")}${marked.map((mark) => `<g>${mark}</g>`).join("")}`;
}

function nameOf(
  { name, label }: Mark,
  x: number,
  y: Readonly<Record<"above" | "at" | "below", number>>,
): string {
  if (label === undefined) return `<title>${escaped(name)}</title>`;
  if (label === "right") return `<text x="${x + 9}" y="${y.at + 4}">${escaped(name)}</text>`;
  const height = label === "above" ? y.above - 7 : y.below + 40;
  return `<text x="${x + 6}" y="${height}" text-anchor="${label === "above" ? "start" : "end"}">${escaped(name)}</text>`;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
const dashOf = (dash: string | undefined): string =>
  dash === undefined ? "" : ` stroke-dasharray="${dash}"`;
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
