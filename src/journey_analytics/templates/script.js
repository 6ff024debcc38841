(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;

  // A link into something folded opens what holds it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    if (target.tagName === "TR") target.hidden = false;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // Filters of the touchpoint table.
  const filters = document.getElementById("filters");
  if (filters) {
    const rows = all("#points tbody tr[data-status]");
    const choose = () => {
      const wanted = all("select", filters).filter((select) => select.value);
      rows.forEach((row) => { row.hidden = wanted.some((select) => row.dataset[select.dataset.by] !== select.value); });
      const shown = rows.filter((row) => !row.hidden).length;
      document.getElementById("shown").textContent = wanted.length ? `${shown} of ${rows.length} shown` : "";
    };
    filters.hidden = false;
    filters.addEventListener("change", choose);
  }

  // What travels packed in the page: the CSV files, report.json and the chart library.
  const unpack = (id) => {
    const text = atob(document.getElementById(id).textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  };
  const canUnpack = typeof DecompressionStream === "function";
  let files = null;
  const save = async (link) => {
    files = files || (await unpack("files").json());
    const text = files[link.getAttribute("href")];
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    const out = document.createElement("a");
    out.href = url;
    out.download = link.download;
    document.body.append(out);
    out.click();
    out.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  if (canUnpack) {
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a.csv");
      if (!link) return;
      event.preventDefault();
      save(link);
    });
  }

  // Charts: the library is unpacked when the first one comes into view, each is drawn when it is seen.
  const plots = all(".plot");
  let library = null;
  const load = () => {
    library = library || unpack("plotly").blob().then((blob) => new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = URL.createObjectURL(new Blob([blob], { type: "text/javascript" }));
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    }));
    return library;
  };
  const coloured = (value, style) => {
    if (typeof value === "string") {
      const name = /^var\((--[\w-]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
    }
    return value;
  };
  const draw = async (plot) => {
    await load();
    const spec = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    const narrow = plot.clientWidth < 560;
    if (narrow) spec.data.forEach((trace) => { if (trace.meta === "labels") trace.mode = "markers"; });
    const { data, layout } = coloured(spec, getComputedStyle(root));
    await window.Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true, showTips: false });
    plot.dataset.drawn = "yes";
  };
  const redraw = () => plots.filter((plot) => plot.dataset.drawn).forEach(draw);
  if (canUnpack && "IntersectionObserver" in window) {
    const watcher = new IntersectionObserver((seen) => seen.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }), { rootMargin: "240px 0px" });
    plots.forEach((plot) => watcher.observe(plot));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("beforeprint", () => { root.classList.add("printing"); redraw(); });
    addEventListener("afterprint", () => { root.classList.remove("printing"); redraw(); });
  } else {
    plots.forEach((plot) => { plot.hidden = true; });
    all(".noscript").forEach((note) => { note.classList.remove("noscript"); note.textContent = "This browser cannot draw the chart; the table below holds the same numbers."; });
  }

  // Which section is being read.
  const links = new Map(all("header.top nav a").map((link) => [link.hash.slice(1), link]));
  if ("IntersectionObserver" in window) {
    const reading = new IntersectionObserver((seen) => seen.forEach((entry) => {
      const link = links.get(entry.target.id);
      link.classList.toggle("here", entry.isIntersecting);
      if (entry.isIntersecting) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }), { rootMargin: "-30% 0px -69% 0px" });
    links.forEach((link, id) => reading.observe(document.getElementById(id)));
  }
})();
