//! The waits of the callers through an outage, as SVG: seconds of the run, and the longest wait of each second on a
//! logarithmic scale. Calls that failed, or that got an expired token, are marks.

use std::fmt::Write as _;

use crate::outage::{Call, DOWN, Library, Outcome, RUN};

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 560.0;
const LEFT: f32 = 70.0;
const TOP: f32 = 96.0;
const RIGHT: f32 = 20.0;
const BOTTOM: f32 = 46.0;
/// Of the longest waits, in seconds.
const INTERVAL: f32 = 1.0;
/// The scale, in milliseconds: its ends, and powers of ten between them.
const LEAST: f32 = 0.01;
const MOST: f32 = 10_000.0;
const COLOURS: [&str; 9] =
    ["#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#7f7f7f"];

fn x(seconds: f32) -> f32 {
    LEFT + (WIDTH - LEFT - RIGHT) * seconds / RUN
}

fn y(milliseconds: f32) -> f32 {
    let share = (milliseconds.clamp(LEAST, MOST) / LEAST).log10() / (MOST / LEAST).log10();
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
}

/// The call with the longest wait of each interval.
fn longest(calls: &[Call], wanted: impl Fn(&Call) -> bool) -> Vec<Call> {
    let mut longest: Vec<Option<Call>> = vec![None; (RUN / INTERVAL) as usize];
    for call in calls.iter().filter(|call| wanted(call)) {
        if let Some(slot) = longest.get_mut((call.start / INTERVAL) as usize)
            && slot.is_none_or(|slot| slot.seconds < call.seconds)
        {
            *slot = Some(*call);
        }
    }
    longest.into_iter().flatten().collect()
}

pub fn svg(libraries: &[Library]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    axes(&mut svg);
    for (index, library) in libraries.iter().enumerate().rev() {
        waits(&mut svg, library, COLOURS[index % COLOURS.len()], index == 0);
    }
    legend(&mut svg, libraries);
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String) {
    let (down, up) = (x(DOWN.0), x(DOWN.1));
    let bottom = HEIGHT - BOTTOM;
    let tall = bottom - TOP;
    let _ = writeln!(
        svg,
        "<rect x=\"{down:.0}\" y=\"{TOP}\" width=\"{:.0}\" height=\"{tall}\" fill=\"#f2e6d9\"/>\n\
         <text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\" fill=\"#765\">the source is down</text>",
        up - down,
        (down + up) / 2.0,
        TOP + 16.0
    );
    for (milliseconds, text) in
        [(0.01, "10 µs"), (0.1, "100 µs"), (1.0, "1 ms"), (10.0, "10 ms"), (100.0, "100 ms")]
            .into_iter()
            .chain([(1_000.0, "1 s"), (10_000.0, "10 s")])
    {
        let at = y(milliseconds);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.0}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{text}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for seconds in (0..=RUN as u32).step_by(10) {
        let at = x(seconds as f32);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.0}\" y=\"{}\" text-anchor=\"middle\">{seconds} s</text>",
            bottom + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#555\">start of a call; the longest wait of each second; × failed, ○ \
         sent an expired token</text>",
        HEIGHT - 8.0
    );
}

fn waits(svg: &mut String, library: &Library, colour: &str, is_bold: bool) {
    let mut path = String::new();
    let mut before = f32::MIN;
    for call in longest(&library.calls, |call| call.outcome == Outcome::Ok) {
        let command = if call.start - before > 3.0 * INTERVAL { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.0} {:.0}", x(call.start), y(call.seconds * 1e3));
        before = call.start;
    }
    let width = if is_bold { 2.5 } else { 1.2 };
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>");
    let mut marks = String::new();
    for call in longest(&library.calls, |call| call.outcome == Outcome::Failed) {
        let _ = write!(marks, "M{:.0} {:.0}l6 6m0-6l-6 6", x(call.start) - 3.0, y(call.seconds * 1e3) - 3.0);
    }
    for call in longest(&library.calls, |call| call.outcome == Outcome::Expired) {
        let _ = write!(
            marks,
            "M{:.0} {:.0}a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
            x(call.start) - 3.0,
            y(call.seconds * 1e3)
        );
    }
    if !marks.is_empty() {
        let _ = writeln!(svg, "<path d=\"{marks}\" fill=\"none\" stroke=\"{colour}\"/>");
    }
}

fn legend(svg: &mut String, libraries: &[Library]) {
    for (index, library) in libraries.iter().enumerate() {
        let (column, row) = (index % 3, index / 3);
        let (left, at) = (LEFT + column as f32 * 290.0, 22.0 + row as f32 * 22.0);
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at}h24\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{}\" y=\"{}\">{}</text>",
            left + 32.0,
            at + 4.0,
            library.name
        );
    }
}
