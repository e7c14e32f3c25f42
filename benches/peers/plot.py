"""Bars of ratios as SVG text, without a library: what is drawn is the same on every machine."""

from html import escape

BAR, GAP, LEFT, WIDTH, TOP = 14, 6, 330, 900, 30


def plot(ratios):
    """ratios: (label, ours over theirs)"""
    most = max([ratio for _, ratio in ratios] + [2.0]) * 1.05
    height = TOP + len(ratios) * (BAR + GAP) + 10

    def x(ratio):
        return LEFT + (WIDTH - LEFT - 60) * ratio / most

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="16">times the speed of llama.cpp in its best configuration</text>',
    ]
    for number, (label, ratio) in enumerate(ratios):
        y = TOP + number * (BAR + GAP)
        color = "#2f6f4f" if ratio >= 1 else "#b04a3a"
        lines.append(f'<text x="{LEFT - 8}" y="{y + BAR - 3}" text-anchor="end">{escape(label)}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{x(ratio) - LEFT:.1f}" height="{BAR}" fill="{color}"/>')
        lines.append(f'<text x="{x(ratio) + 5:.1f}" y="{y + BAR - 3}">{ratio:.2f}</text>')
    lines.append(f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{TOP - 6}" y2="{height - 6}" stroke="#333" stroke-dasharray="3 3"/>')
    return "\n".join([*lines, "</svg>", ""])
