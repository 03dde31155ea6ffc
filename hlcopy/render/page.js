"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touched = matchMedia("(pointer: coarse)").matches;
  const PRINTED_WIDTH = 680; // CSS pixels: what is left of a sheet of A4 or Letter between its margins
  const NARROW = 600;
  const config = {
    displaylogo: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]], // none that sends data away
    plotlyServerURL: "",
    typesetMath: false,
  };

  const specs = new Map();
  function specOf(figure) {
    if (!specs.has(figure)) specs.set(figure, JSON.parse(figure.querySelector("script").textContent));
    return specs.get(figure);
  }

  // A copy of part of a specification in which names of colours are the style sheet's colours.
  function painted(part, key, style) {
    if (Array.isArray(part)) return part.map((each) => painted(each, key, style));
    if (part !== null && typeof part === "object") {
      return Object.fromEntries(Object.entries(part).map(([name, each]) => [name, painted(each, name, style)]));
    }
    if (typeof part !== "string" || !key.toLowerCase().endsWith("color")) return part;
    return style.getPropertyValue(`--${part}`).trim() || part;
  }

  function draw(figure) {
    const width = "printing" in root.dataset ? PRINTED_WIDTH : 0;
    const spec = specOf(figure);
    const plot = figure.querySelector(".plot");
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      gridcolor: colour("grid"),
      linecolor: colour("line"),
      zerolinecolor: colour("muted"),
      zerolinewidth: 1,
      automargin: true,
      title: { font: { size: 12 } },
    };
    const movable = !touched && spec.movable === true;
    const narrow = (width || plot.clientWidth) < NARROW;
    const family = "system-ui, sans-serif";
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text"), family, size: narrow ? 12 : 13 },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text"), family }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("text") },
      autosize: true,
      dragmode: movable ? "zoom" : false,
      uirevision: figure.dataset.zoom || "whole",
      template: { layout: { xaxis: axis, yaxis: axis } },
      ...painted(spec.layout, "", style),
    };
    layout.margin = { l: 8, r: 8, t: 8, b: 8, ...layout.margin };
    const span = spec.zooms?.[figure.dataset.zoom];
    if (span) {
      layout.xaxis = { ...layout.xaxis, range: span.slice(0, 2) };
      layout.yaxis = { ...layout.yaxis, range: span.slice(2) };
    }
    if (width) Object.assign(layout, { width, autosize: false });
    Plotly.react(plot, painted(spec.data, "", style), layout, {
      ...config,
      responsive: !width,
      displayModeBar: movable && !narrow ? "hover" : false,
    });
    figure.dataset.drawn = "";
  }

  // Charts are drawn one after another, so that the page can be read and scrolled meanwhile; folded ones when unfolded.
  const waiting = [];
  const isShown = (figure) => figure.querySelector(".plot").clientWidth > 0;
  function drawNext() {
    const figure = waiting.shift();
    if (!figure) {
      root.dataset.drawn = "";
      return;
    }
    if (isShown(figure)) draw(figure);
    else delete figure.dataset.drawn;
    setTimeout(drawNext);
  }
  function drawAll(figures) {
    delete root.dataset.drawn;
    const idle = waiting.length === 0;
    waiting.push(...figures);
    if (idle) drawNext();
  }

  const figures = [...document.querySelectorAll("figure.chart")];
  for (const figure of figures) {
    const plot = figure.querySelector(".plot");
    plot.style.minHeight = `${plot.dataset.height}px`;
  }
  drawAll(figures);
  for (const folded of document.querySelectorAll("details")) {
    folded.addEventListener("toggle", () => {
      if (folded.open) drawAll([...folded.querySelectorAll("figure.chart:not([data-drawn])")]);
    });
  }
  dark.addEventListener("change", () => drawAll(figures));
  addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    for (const figure of figures) if (isShown(figure)) draw(figure);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    drawAll(figures);
  });

  // A trade's number, in a table or under a chart, shows its time on its coin's chart; the whole period has none.
  document.addEventListener("click", (event) => {
    const asked = event.target.closest("[data-zoom]");
    if (!asked) return;
    const figure = document.getElementById(asked.dataset.chart);
    figure.dataset.zoom = asked.dataset.zoom;
    draw(figure);
    for (const button of figure.querySelectorAll("button[data-zoom]")) {
      button.setAttribute("aria-pressed", String(button.dataset.zoom === asked.dataset.zoom));
    }
  });

  // Headings of a sortable table become buttons: rising at first, falling at the next press.
  function sort(heading) {
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    const place = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const key = (row) => row.cells[place].dataset.key;
    const compared = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // what isn't known comes last, either way
      const order = isNaN(a) || isNaN(b) ? (a < b ? -1 : a > b ? 1 : 0) : a - b;
      return rising ? order : -order;
    };
    body.append(...[...body.rows].sort((one, other) => compared(key(one), key(other))));
  }
  for (const heading of document.querySelectorAll("table.sortable th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(heading));
    heading.replaceChildren(button);
  }
})();
