(() => {
  "use strict";
  const offline = document.getElementById("offline");
  let isBusy = false;
  let isWanted = false;

  // Takes over the parts that differ, and leaves the focus where it was.
  function show(fresh) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.isEqualNode(part)) continue;
      const before = new Set([...part.querySelectorAll("[data-key]")].map((row) => row.outerHTML));
      const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      part.replaceChildren(...document.importNode(next, true).childNodes);
      for (const row of part.querySelectorAll("[data-key]")) {
        if (!before.has(row.outerHTML)) row.classList.add("fresh");
      }
      if (focused !== null) {
        const again = [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused);
        (again || document.getElementById("main")).focus({ preventScroll: true });
      }
    }
    document.title = fresh.title;
  }

  async function refresh() {
    if (isBusy) {
      isWanted = true;
      return;
    }
    isBusy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const isPage = (answer.headers.get("content-type") || "").startsWith("text/html");
      if (isPage) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The agent has ended; the events say so, too, and go on when it is back.
    }
    isBusy = false;
    if (isWanted) {
      isWanted = false;
      refresh();
    }
  }

  function listen() {
    const source = new EventSource("/events");
    source.onopen = () => { offline.textContent = ""; };
    source.onmessage = refresh;
    source.onerror = () => {
      offline.textContent = "The agent does not answer. This is what it said last; it is asked again.";
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
    };
  }

  listen();
})();
