(() => {
  const wrong = [];
  const say = (what, element) => wrong.push(what + ": " + element.outerHTML.slice(0, 160));
  const isSeen = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1;

  // Names of controls, links and pictures.
  const name = (element) =>
    (element.getAttribute("aria-label")
      || [...(element.labels || [])].map((label) => label.textContent).join(" ")
      || element.textContent).trim();
  for (const control of document.querySelectorAll("a, button, input, [role=img], nav")) {
    if (!name(control)) say("no name", control);
  }
  for (const section of document.querySelectorAll("section")) {
    const title = document.getElementById(section.getAttribute("aria-labelledby"));
    if (!title || !title.textContent.trim()) say("no title", section);
  }
  for (const control of document.querySelectorAll("button, input")) {
    if (control.getBoundingClientRect().height < 44) say("too small to touch", control);
  }

  // Structure.
  const all = document.querySelectorAll("[id]");
  if (new Set([...all].map((element) => element.id)).size !== all.length) wrong.push("an id twice");
  if (document.documentElement.lang !== "en") wrong.push("no language");
  if (!document.title.trim()) wrong.push("no title of the page");
  for (const landmark of ["header", "main", "footer"]) {
    if (document.querySelectorAll("body > " + landmark).length !== 1) wrong.push("not one " + landmark);
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1 || (next === 1 && level !== 0)) say("heading out of order", heading);
    level = next;
  }
  if (document.querySelector("#summary").getAttribute("role") !== "status") wrong.push("changes are not said");
  for (const table of document.querySelectorAll("table")) {
    const columns = table.querySelectorAll("thead th[scope=col]").length;
    for (const row of table.querySelectorAll("tbody tr")) {
      if (row.querySelectorAll("th[scope=row]").length !== 1 || row.cells.length !== columns) say("row", row);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) {
    for (const element of document.querySelectorAll("body *")) {
      if (isSeen(element) && element.getBoundingClientRect().right > innerWidth) say("beyond the window", element);
    }
  }

  // Contrast (WCAG 2.2, relative luminance).
  const parse = (color) => {
    const parts = (color.match(/[\d.]+/g) || []).map(Number);
    return parts.length < 3 ? null : { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color && color.alpha === 1) return color.rgb;
      if (color && color.alpha > 0) say("half transparent", at);
    }
    return [255, 255, 255];
  };
  let texts = 0;
  let least = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, title") || !isSeen(element)) continue;
    const style = getComputedStyle(element);
    const color = parse(element instanceof SVGElement ? style.fill : style.color);
    const ratio = contrast(color.rgb, back(element));
    texts += 1;
    least = Math.min(least, ratio);
    if (ratio < 4.5) say("contrast " + ratio.toFixed(2), element);
  }
  if (texts < 5) wrong.push("hardly any text");
  for (const element of document.querySelectorAll("svg .bar, svg .failed, input, button")) {
    const style = getComputedStyle(element);
    const color = parse(element instanceof SVGElement ? style.fill : style.borderTopColor);
    const ratio = contrast(color.rgb, back(element.parentElement));
    if (ratio < 3) say("contrast of a shape " + ratio.toFixed(2), element);
  }
  for (const part of document.querySelectorAll("[data-key]")) {
    part.classList.add("fresh");
    if (getComputedStyle(part).animationName !== "none") say("it moves", part);
    part.classList.remove("fresh");
  }
  return wrong;
})()
