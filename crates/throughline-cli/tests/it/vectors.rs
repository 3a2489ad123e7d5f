//! The vector index as the command line has it; the engines have tests of their own.

use crate::program::Program;

#[test]
fn without_an_index_the_commands_of_one_say_how_to_name_it() {
    let program = Program::new();
    let file = program
        .file("chat.jsonl", "{\"user\":\"ada\",\"session\":\"s\",\"role\":\"user\",\"content\":\"Bees.\"}\n");
    program.run(&["turns", "import", &file]).ok();
    let ran = program.run(&["vectors", "status"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: no vector index is configured\n  hint: name it with `--vectors URL`\n");
}

#[test]
fn an_index_that_cannot_be_reached_is_named_without_its_password() {
    let program = Program::new();
    let file = program
        .file("chat.jsonl", "{\"user\":\"ada\",\"session\":\"s\",\"role\":\"user\",\"content\":\"Bees.\"}\n");
    program.run(&["turns", "import", &file]).ok();
    for url in ["postgres://me:hunter2@127.0.0.1:1/x", "redis://me:hunter2@127.0.0.1:1"] {
        let ran = program.run(&["vectors", "check", "--vectors", url]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.starts_with("error: the vector index in "), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}
