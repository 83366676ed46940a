//! `README.ru.md` is the README in Russian: the same headings, the same code, the same tables.

use std::fs;
use std::path::Path;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The code blocks with their languages, in order; and the other lines.
fn code_and_prose(page: &str) -> (Vec<String>, Vec<&str>) {
    let (mut blocks, mut prose, mut open) = (Vec::<String>::new(), Vec::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            open = !open;
            if open {
                blocks.push(line.to_owned());
            }
        } else if open {
            let block = blocks.last_mut().unwrap();
            block.push('\n');
            block.push_str(line);
        } else {
            prose.push(line);
        }
    }
    assert!(!open, "a code block has no end");
    (blocks, prose)
}

/// The levels of the headings, in order.
fn headings(prose: &[&str]) -> Vec<usize> {
    let level = |line: &&str| line.chars().take_while(|c| *c == '#').count();
    prose.iter().map(level).filter(|level| *level > 0).collect()
}

/// The rows of the tables, in order: for each cell, the code and the links in it, which are the same in any language.
fn tables(prose: &[&str]) -> Vec<Vec<Vec<String>>> {
    let cells = |row: &str| row.trim_matches('|').split('|').map(code_and_links).collect();
    prose.iter().filter(|line| line.starts_with('|')).map(|row| cells(row)).collect()
}

fn code_and_links(text: &str) -> Vec<String> {
    let code = text.split('`').skip(1).step_by(2);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    code.chain(links).map(str::to_owned).collect()
}

#[test]
fn the_russian_readme_has_the_headings_the_code_and_the_tables_of_the_readme() {
    let (english, russian) = (page("README.md"), page("README.ru.md"));
    let ((code, prose), (russian_code, russian_prose)) = (code_and_prose(&english), code_and_prose(&russian));
    assert!(!code.is_empty() && !headings(&prose).is_empty() && !tables(&prose).is_empty());
    assert_eq!(headings(&russian_prose), headings(&prose));
    assert_eq!(russian_code, code);
    assert_eq!(tables(&russian_prose), tables(&prose));
}

#[test]
fn the_russian_readme_has_the_code_words_and_links_of_each_section() {
    let sections = |page: &str| -> Vec<Vec<String>> {
        let (_, prose) = code_and_prose(page);
        let prose = prose.join("\n");
        let sections = prose.split("\n## ").map(|section| {
            let mut words = code_and_links(section);
            words.retain(|word| !word.starts_with("README"));
            words.sort();
            words
        });
        sections.collect()
    };
    assert_eq!(sections(&page("README.ru.md")), sections(&page("README.md")));
}

#[test]
fn the_readme_has_at_most_two_hundred_lines() {
    let lines = page("README.md").lines().count();
    assert!(lines <= 200, "{lines} lines");
}
