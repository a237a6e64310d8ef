package main

// whatIsSeen is evaluated by the browser's own tools, which page policies and the
// lack of scripts do not concern. The contrast is that of WCAG 2.2, of each text
// against the nearest background that is not transparent.
const whatIsSeen = `(() => {
  const channels = c => c.match(/[\d.]+/g).map(Number);
  const light = c => {
    const [r, g, b] = channels(c).slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, n = channels(c);
      if (n.length < 4 || n[3] > 0) return c;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) };
  const faint = new Set(), wide = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre, thead')) wide.push(e.tagName + ' ' + e.textContent.slice(0, 40));
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (own && ratio(getComputedStyle(e).color, ground(e)) < 4.5) faint.add(e.tagName + ' ' + e.textContent.trim().slice(0, 40));
  }
  return {
    title: document.title, headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main').length,
    width: document.documentElement.scrollWidth, wide: wide.slice(0, 5), scripts: document.scripts.length,
    styled: getComputedStyle(document.querySelector('.skip')).position === 'absolute', faint: [...faint],
  };
})()`
