//! The result as a page: one file without anything from elsewhere, and without a script.

use std::fmt::Write;

use super::{
    report::{Difference, Mode, Report},
    tally::{Example, Kind},
    text,
};
use crate::{
    cli::{moment::grouped, words::clean},
    domain::{is_unseen, printable},
};

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut page = Page::default();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // Nothing of what stands in the page is ever run or loaded.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    page.element("title", "", "Two policies compared");
    page.raw("<style>\n");
    page.raw(include_str!("page.css"));
    page.raw("</style>\n</head>\n<body>\n<main>\n<header>\n");
    page.element("h1", "", "Two policies compared");
    page.raw("<dl class=\"sides\">\n");
    for (word, about) in [("old", &report.old), ("new", &report.new)] {
        page.element("dt", word, word);
        page.raw("<dd>");
        page.element("strong", "", &text::about(about));
        if let Some(digest) = &about.digest {
            page.element("code", "digest", digest);
        }
        page.raw("</dd>\n");
    }
    page.raw("</dl>\n</header>\n");
    page.element("p", "summary", &text::summary(report));
    cards(&mut page, report);
    for (kind, title) in text::titles(report) {
        section(&mut page, report, kind, title);
    }
    for note in text::notes(report) {
        page.element("p", "note", &note);
    }
    problems(&mut page, report);
    page.element("footer", "", how(report));
    page.raw("</main>\n</body>\n</html>\n");
    page.0
}

fn how(report: &Report) -> &'static str {
    match report.mode {
        Mode::Step => {
            "Each recorded event went through both policies, from the state that was recorded with it. Event numbers \
             are those of the journal: the command rolarr events show tells more about one."
        }
        Mode::Carry => {
            "Members were followed from event to event, with each policy by its own access, memo and wakes. Event \
             numbers are those of the last recorded event of the member."
        }
    }
}

/// The numbers that matter, large.
fn cards(page: &mut Page, report: &Report) {
    let times = |kind: Kind| report.of(kind).map(|difference| difference.times).sum::<u64>();
    page.raw("<ul class=\"cards\">\n");
    for (class, number, words) in [
        ("access", report.members_whose_access_differs as u64, "members with other access"),
        ("undecided", times(Kind::Undecided), "events decided by one only"),
        ("actions", times(Kind::Actions), "events with other actions"),
        ("same", report.same, "events without a difference"),
    ] {
        if class == "actions" && report.mode == Mode::Carry {
            continue;
        }
        let class = if number == 0 { format!("{class} none") } else { class.to_owned() };
        page.raw("<li class=\"");
        page.text(&class);
        page.raw("\">");
        page.element("b", "", &grouped(number));
        page.element("span", "", words);
        page.raw("</li>\n");
    }
    page.raw("</ul>\n");
}

fn section(page: &mut Page, report: &Report, kind: Kind, title: &str) {
    let most = report.of(kind).map(|difference| difference.times).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    page.raw("<section>\n");
    page.element("h2", "", title);
    for (index, difference) in report.of(kind).enumerate() {
        group(page, difference, most, index == 0 && kind == Kind::Access);
    }
    page.raw("</section>\n");
}

fn group(page: &mut Page, difference: &Difference, most: u64, open: bool) {
    page.raw(if open { "<details open>\n<summary>" } else { "<details>\n<summary>" });
    page.element("span", "what", &clean(&difference.what).replace("->", "→"));
    page.element("span", "counts", &text::counts(difference));
    let percent = (difference.times * 100).checked_div(most).unwrap_or(0).max(1);
    // A number of ours, so there is nothing to escape.
    let _ = write!(page.0, "<span class=\"bar\"><i style=\"width:{percent}%\"></i></span>");
    page.raw("</summary>\n");
    for one in &difference.examples {
        example(page, one);
    }
    let more = difference.times.saturating_sub(difference.examples.len() as u64);
    if more > 0 {
        page.element("p", "more", &format!("and {} more", grouped(more)));
    }
    page.raw("</details>\n");
}

fn example(page: &mut Page, example: &Example) {
    page.raw("<article>\n");
    page.element("h3", "", &text::headline(example));
    page.raw("<pre>");
    for line in text::sides(example) {
        let class = match line.chars().next() {
            Some('-') => "gone",
            Some('+') => "come",
            _ => "both",
        };
        page.element("span", class, &line);
    }
    page.raw("</pre>\n</article>\n");
}

fn problems(page: &mut Page, report: &Report) {
    if report.not_compared == 0 {
        return;
    }
    page.raw("<section class=\"problems\">\n");
    page.element("h2", "", &format!("Not compared: {}", grouped(report.not_compared)));
    page.raw("<ul>\n");
    for problem in &report.problems {
        page.element("li", "", &format!("{}: {}", text::count(problem.times, "time"), clean(&problem.what)));
    }
    page.raw("</ul>\n</section>\n");
}

/// A page that grows. What comes from elsewhere goes through [`Page::text`] or [`Page::element`], which escape it.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Words of this file.
    fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    /// A text.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if c != '\n' && is_unseen(c) => self.0.push_str(&printable(c.encode_utf8(&mut [0; 4]))),
                c => self.0.push(c),
            }
        }
    }

    /// An element with a text in it.
    fn element(&mut self, name: &'static str, class: &'static str, text: &str) {
        self.raw("<");
        self.raw(name);
        if !class.is_empty() {
            self.raw(" class=\"");
            self.raw(class);
            self.raw("\"");
        }
        self.raw(">");
        self.text(text);
        self.raw("</");
        self.raw(name);
        self.raw(">");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_text_and_nothing_else() {
        let mut page = Page::default();
        page.element("p", "", "<script>alert('x')</script> & \"quotes\"");
        assert_eq!(page.0, "<p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;</p>");
    }
}
