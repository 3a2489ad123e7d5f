//! What questions name, as sentences; the asker's day is Wednesday, 17 May 2023 unless a test says otherwise.

mod other_languages;

use std::ops::RangeInclusive;

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2023, 5, 17);

#[track_caller]
fn check(question: &str, expected: &[(&str, &str)]) {
    check_in(question, &[2023], expected);
}

#[track_caller]
fn check_in(question: &str, years: &[i16], expected: &[(&str, &str)]) {
    let found: Vec<_> = ranges(question, TODAY, years)
        .iter()
        .map(|range| (range.first.to_string(), range.last.to_string()))
        .collect();
    let found: Vec<_> = found.iter().map(|(first, last)| (first.as_str(), last.as_str())).collect();
    assert_eq!(found, expected, "{question}");
}

#[track_caller]
fn check_day(question: &str, day: &str) {
    check(question, &[(day, day)]);
}

#[track_caller]
fn check_none(questions: &[&str]) {
    for question in questions {
        check(question, &[]);
    }
}

const MAY: (&str, &str) = ("2023-05-01", "2023-05-31");

#[test]
fn a_day_is_read_in_every_usual_order() {
    for question in [
        "What did I do on 7 May 2023?",
        "What did I do on 7th May, 2023?",
        "on the 7th of May 2023",
        "May 7, 2023",
        "May 7th 2023",
        "may 7 2023",
        "on May 7",
        "on may 7",
        "7 May",
        "Sunday, May 7, 2023",
        "2023-05-07",
        "at 2023-05-07T10:00:00Z",
        "2023/05/07",
        "7.5.2023",
        "07.05.2023",
        "am 7.5. in Lyon",
        "7-May-2023",
        "７ May ２０２３",
        "7 May '23",
        "the seventh of May",
    ] {
        let found = ranges(question, TODAY, &[2023]);
        assert_eq!(found.last().map(|range| range.first), Some(date(2023, 5, 7)), "{question}");
        assert_eq!(found.last().map(|range| range.last), Some(date(2023, 5, 7)), "{question}");
    }
}

#[test]
fn a_slashed_date_that_can_be_read_both_ways_is_both() {
    check("What happened on 7/5/2023?", &[("2023-07-05", "2023-07-05"), ("2023-05-07", "2023-05-07")]);
    check("What happened on 5/5/2023?", &[("2023-05-05", "2023-05-05")]);
    check("What happened on 13/5/2023?", &[("2023-05-13", "2023-05-13")]);
    check("What happened on 5/13/23?", &[("2023-05-13", "2023-05-13")]);
}

#[test]
fn a_month_is_all_its_days() {
    for question in [
        "What did I do in May?",
        "what did i do in may?",
        "May 2023",
        "may 2023",
        "in May of 2023",
        "May '23",
        "2023-05",
        "05/2023",
        "the May meeting",
        "this May",
        "in May this year",
        "this year in May",
    ] {
        check(question, &[MAY]);
    }
    check("in Feb 2024", &[("2024-02-01", "2024-02-29")]);
    check("What was it in Sept.?", &[("2023-09-01", "2023-09-30")]);
}

#[test]
fn a_date_without_year_stands_for_each_year_of_the_messages() {
    let years = [2023, 2022, 2022];
    check_in("in May", &years, &[("2022-05-01", "2022-05-31"), MAY]);
    check_in("on 3 March", &years, &[("2022-03-03", "2022-03-03"), ("2023-03-03", "2023-03-03")]);
    check_in("in May", &[], &[]);
    check_in("in May and June 2023", &years, &[MAY, ("2023-06-01", "2023-06-30")]);
}

#[test]
fn days_and_months_come_before_seasons_and_these_before_years() {
    check("In summer 2022, was it the 7th of May 2023?", &[("2023-05-07", "2023-05-07")]);
    check("In 2021, was it summer 2022?", &[("2022-06-01", "2022-08-31")]);
    check("What did I read in 2021?", &[("2021-01-01", "2021-12-31")]);
    check("the winter of 2022", &[("2022-12-01", "2023-02-28")]);
    check("in the fall", &[("2023-09-01", "2023-11-30")]);
    check("in spring", &[("2023-03-01", "2023-05-31")]);
}

#[test]
fn verbs_nouns_and_names_are_no_dates() {
    check_none(&[
        "May I ask you something?",
        "It may be so, may 3 people come?",
        "They march on Washington, and the March on Washington",
        "March on!",
        "Did I fall over the spring of the sofa?",
        "Does the Sun shine? I sat on the Sat phone",
        "What did Jan and Marco say about Mars?",
        "Who set 5 alarms, 3 days out of 7?",
        "maybe marching mayor Junes mayday",
        "Hai mai detto questo? El mar, en mar",
        "Was steht hier?",
        "What do I do every Monday, what on a Sunday?",
        "What did I buy on Black Friday?",
        "Where is the Winter Garden Theatre?",
        "an estate by the sea",
    ]);
}

#[test]
fn numbers_that_are_no_dates_are_none() {
    check_none(&[
        "version 1.2.3, address 10.0.0.1, 3.5 km, 1,200 and 555-1234",
        "It cost $2023 and #2023, or 2,023.50",
        "I ran 2000 meters, 1500 metres",
        "the 1990s and v2023 and abc2023",
        "2023-13-45 and 99/99/2023",
        "a 5/7 rating, 24/7",
        "item 4294967296000 of 99999999999999999999",
    ]);
}

#[test]
fn days_that_do_not_exist_are_the_last_of_their_month() {
    check_day("on 31 February 2023", "2023-02-28");
    check_day("on 2023-06-31", "2023-06-30");
}

#[test]
fn parts_of_months_and_years() {
    check("early May", &[("2023-05-01", "2023-05-10")]);
    check("in mid-May", &[("2023-05-11", "2023-05-20")]);
    check("at the end of May 2022", &[("2022-05-21", "2022-05-31")]);
    check("since the beginning of the year", &[("2023-01-01", "2023-05-17")]);
    check("late 2022", &[("2022-09-01", "2022-12-31")]);
    check("the first week of May", &[("2023-05-01", "2023-05-07")]);
    check("the last week of May", &[("2023-05-25", "2023-05-31")]);
    check("the first weekend of August 2023", &[("2023-08-05", "2023-08-06")]);
    check_day("the last Friday of April", "2023-04-28");
}

#[test]
fn quarters_and_holidays() {
    check("Q2 2023", &[("2023-04-01", "2023-06-30")]);
    check("in the second quarter of last year", &[("2022-04-01", "2022-06-30")]);
    check("2022 Q4", &[("2022-10-01", "2022-12-31")]);
    check_day("What did I do on Christmas 2022?", "2022-12-25");
    check_day("last Christmas", "2022-12-25");
    check_day("on New Year's Eve 2022", "2022-12-31");
    check_day("on New Year\u{2019}s Day", "2023-01-01");
    check_day("on Halloween last year", "2022-10-31");
    check_day("on Valentine's Day", "2023-02-14");
}

#[test]
fn days_around_today() {
    check_day("What did I eat today?", "2023-05-17");
    check_day("this morning", "2023-05-17");
    check_day("yesterday's call", "2023-05-16");
    check_day("last night", "2023-05-16");
    check_day("the day before yesterday", "2023-05-15");
    check_day("What is on tomorrow?", "2023-05-18");
}

#[test]
fn so_many_units_ago() {
    check_day("3 days ago", "2023-05-14");
    check_day("ten days ago", "2023-05-07");
    check("a couple of days ago", &[("2023-05-14", "2023-05-15")]);
    check("two weeks ago", &[("2023-04-30", "2023-05-06")]);
    check("a few weeks ago", &[("2023-04-09", "2023-05-06")]);
    check("a month ago", &[("2023-04-02", "2023-05-02")]);
    check("a year ago", &[("2021-11-16", "2022-11-15")]);
    check("2 or 3 days ago", &[("2023-05-14", "2023-05-15")]);
    check("3-4 days ago", &[("2023-05-13", "2023-05-14")]);
    check_day("5 hours ago", "2023-05-17");
}

#[test]
fn last_this_and_next() {
    check("last week", &[("2023-05-08", "2023-05-14")]);
    check("this week", &[("2023-05-15", "2023-05-21")]);
    check("next week", &[("2023-05-22", "2023-05-28")]);
    check("last weekend", &[("2023-05-13", "2023-05-14")]);
    check("this weekend", &[("2023-05-20", "2023-05-21")]);
    check("last month", &[("2023-04-01", "2023-04-30")]);
    check("last quarter", &[("2023-01-01", "2023-03-31")]);
    check("last year", &[("2022-01-01", "2022-12-31")]);
    check("last spring", &[("2022-03-01", "2022-05-31")]);
    check("last winter", &[("2022-12-01", "2023-02-28")]);
    check("this summer", &[("2023-06-01", "2023-08-31")]);
    check("last May", &[("2022-05-01", "2022-05-31")]);
    check("last April", &[("2023-04-01", "2023-04-30")]);
    check("in May last year", &[("2022-05-01", "2022-05-31")]);
    check("last summer or last year", &[("2022-06-01", "2022-08-31")]);
}

#[test]
fn weekdays_are_the_most_recent_ones() {
    check_day("on Monday", "2023-05-15");
    check_day("last Monday", "2023-05-15");
    check_day("on Wednesday", "2023-05-10");
    check_day("on Sun, at noon", "2023-05-14");
    check_day("this coming Friday", "2023-05-19");
    check_day("next Friday", "2023-05-19");
    check_day("this Friday", "2023-05-19");
    check_day("on Monday last week", "2023-05-08");
    check("from Friday to Monday", &[("2023-05-12", "2023-05-15")]);
}

#[test]
fn the_last_so_many_units_reach_until_today() {
    check("in the last three months", &[("2023-02-17", "2023-05-17")]);
    check("over the past 2 weeks", &[("2023-05-03", "2023-05-17")]);
    check("in the last week", &[("2023-05-10", "2023-05-17")]);
    check("in the last few days", &[("2023-05-12", "2023-05-17")]);
    check("in the last year", &[("2022-05-17", "2023-05-17")]);
}

#[test]
fn spans_and_lists() {
    check("between May and July", &[("2023-05-01", "2023-07-31")]);
    check("between May and July 2022", &[("2022-05-01", "2022-07-31")]);
    check("from 3 to 9 May", &[("2023-05-03", "2023-05-09")]);
    check("from the 3rd to the 9th of May 2022", &[("2022-05-03", "2022-05-09")]);
    check("May 3-9, 2022", &[("2022-05-03", "2022-05-09")]);
    check("on the 5th and 6th of May", &[("2023-05-05", "2023-05-05"), ("2023-05-06", "2023-05-06")]);
    check("May 5 and 6", &[("2023-05-05", "2023-05-05"), ("2023-05-06", "2023-05-06")]);
    check("3-9 May", &[("2023-05-03", "2023-05-09")]);
    check("December 2022 to February", &[("2022-12-01", "2023-02-28")]);
    check("from December to February 2023", &[("2022-12-01", "2023-02-28")]);
    check("from 2020 to 2022", &[("2020-01-01", "2022-12-31")]);
    check("2020-2022", &[("2020-01-01", "2022-12-31")]);
    check("from 2023-05-07 to 2023-05-09", &[("2023-05-07", "2023-05-09")]);
    check("from last Monday until today", &[("2023-05-15", "2023-05-17")]);
    check("in May and June", &[MAY, ("2023-06-01", "2023-06-30")]);
}

#[test]
fn open_ranges_end_with_today_or_the_years_of_the_messages() {
    let years = [2022, 2023];
    check_in("since April", &years, &[("2023-04-01", "2023-05-17")]);
    check_in("since June", &years, &[("2022-06-01", "2023-05-17")]);
    check_in("since 2022", &years, &[("2022-01-01", "2023-05-17")]);
    check("before June", &[("2023-01-01", "2023-05-31")]);
    check("after 3 March", &[("2023-03-04", "2023-12-31")]);
    check("after Christmas", &[("2023-12-26", "2024-01-25")]);
    check_in("before June 2023", &years, &[("2022-01-01", "2023-05-31")]);
    check_in("after March 2022", &years, &[("2022-04-01", "2023-12-31")]);
    check_in("until 2022", &years, &[("2022-01-01", "2022-12-31")]);
}

#[test]
fn steps_from_a_date() {
    check("the week of May 8", &[("2023-05-08", "2023-05-14")]);
    check("the week before 8 May", &[("2023-05-01", "2023-05-07")]);
    check("the weekend before 24 July 2023", &[("2023-07-22", "2023-07-23")]);
    check("the weekend before 23 July 2023", &[("2023-07-15", "2023-07-16")]);
    check_day("the Friday before 22 April 2023", "2023-04-21");
    check("last weekend before 19 April 2023", &[("2023-04-15", "2023-04-16")]);
    check_day("the day after 8 May 2023", "2023-05-09");
    check_day("two days after 8 May 2023", "2023-05-10");
    check("the two days after 8 May 2023", &[("2023-05-09", "2023-05-10")]);
    check("two weeks before 8 May 2023", &[("2023-04-21", "2023-04-27")]);
    check("the month before May 2023", &[("2023-04-01", "2023-04-30")]);
}

#[test]
fn what_depends_on_an_event_names_no_date() {
    check_none(&[
        "two days after the interview",
        "What did I do the week before the trip?",
        "the next day",
        "the following week",
        "the Friday before the wedding",
        "three weeks later",
        "half a year ago",
        "before the move",
        "since I moved",
        "the last time we met",
    ]);
    check_day("two days after the interview on 3 March", "2023-03-03");
}

#[test]
fn a_question_gives_a_bounded_list() {
    let years: Vec<i16> = (1900..2100).collect();
    let months = "January February April June July August ".repeat(10);
    let found = ranges(&months, TODAY, &years);
    assert_eq!(found.len(), RANGES_MAX);
    assert!(found.iter().all(|range| range.first.year() >= 2068));
}

#[test]
fn only_the_end_of_a_long_text_is_read() {
    let text = format!("{} {}", "on 3 March 2022", "word ".repeat(2_000));
    check(&format!("{text} What did I do on 7 May 2023?"), &[("2023-05-07", "2023-05-07")]);
    check_day(&format!("{}昨天", "我们说".repeat(2_000)), "2023-05-16");
}

#[test]
fn the_ends_of_the_calendar_are_no_trouble() {
    for today in [Date::MIN, Date::MAX] {
        for question in
            ["9999 years ago", "last week", "next year", "since May", "after May", "on Monday", "last winter"]
        {
            for range in ranges(question, today, &[i16::MIN, -9999, 9999, i16::MAX]) {
                assert!(range.first <= range.last, "{question}");
            }
        }
    }
}

/// Texts made of words that mean something here, and marks and numbers.
fn phrases() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        prop::sample::select(vec![
            "may",
            "May",
            "March",
            "mai",
            "week",
            "weeks",
            "month",
            "year",
            "last",
            "the",
            "next",
            "this",
            "ago",
            "vor",
            "hace",
            "since",
            "before",
            "after",
            "between",
            "and",
            "from",
            "to",
            "of",
            "in",
            "early",
            "on",
            "Monday",
            "Mon",
            "summer",
            "fall",
            "Q2",
            "first",
            "a",
            "two",
            "few",
            "yesterday",
            "Christmas",
            "'",
            "年",
            "月",
            "日",
            "上",
            "周",
            "前",
            "三",
            "十",
            "二",
            "-",
            "/",
            ".",
            ",",
            ":",
            "dernier",
            "2023",
            "23",
        ])
        .prop_map(str::to_owned),
        any::<u32>().prop_map(|number| number.to_string()),
        (0_u32..40).prop_map(|number| number.to_string()),
    ];
    prop::collection::vec((words, prop::bool::ANY), 0..24).prop_map(|words| {
        words.into_iter().map(|(word, space)| if space { word + " " } else { word }).collect()
    })
}

fn days_of(years: RangeInclusive<i16>) -> impl Strategy<Value = Date> {
    (years, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_text_gives_ordered_distinct_ranges(
        text in prop_oneof![any::<String>(), phrases(), "[0-9./:,' -]{0,40}"],
        today in days_of(-9999..=9999),
        years in prop::collection::vec(any::<i16>(), 0..40),
    ) {
        let found = ranges(&text, today, &years);
        prop_assert!(found.len() <= RANGES_MAX);
        prop_assert!(found.iter().all(|range| range.first <= range.last));
        prop_assert!((1..found.len()).all(|at| !found[..at].contains(&found[at])));
    }

    #[test]
    fn every_day_is_found_again_as_it_is_written(today in days_of(-9999..=9999), day in days_of(1000..=2999)) {
        for format in ["%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%A, %-d %b %Y"] {
            let found = ranges(&format!("on {}?", day.strftime(format)), today, &[]);
            prop_assert!(found.contains(&DateRange { first: day, last: day }), "{}", format);
        }
    }
}
