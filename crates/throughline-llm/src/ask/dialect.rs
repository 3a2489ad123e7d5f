//! How a question is put to an endpoint: what "answer in JSON" is called there, and which parameters it takes.
//!
//! Servers that call themselves compatible differ in both, and say so with a 400 or 500. From the strictest form to the plain
//! words; whatever the form, the answer is text that is parsed with patience.

use serde_json::{Value, json};

/// The name of the schema and of the function.
const NAME: &str = "answer";

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) system: String,
    pub(super) user: String,
    pub(super) schema: Value,
    pub(super) answer_tokens_max: u32,
}

/// How JSON is asked for, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    /// `response_format: json_schema`: OpenAI, vLLM, llama.cpp.
    #[default]
    JsonSchema,
    /// `response_format: json_object` with a `schema`: llama-cpp-python, Together.
    JsonObjectWithSchema,
    /// `response_format: json_object`: most hosted APIs.
    JsonObject,
    /// A function that must be called.
    ToolCall,
    /// Words alone.
    Words,
}

/// A way of asking. The default is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dialect {
    form: Form,
    /// Reasoning models take no other temperature than their own.
    own_temperature: bool,
    /// `max_completion_tokens` in the place of `max_tokens`.
    completion_tokens: bool,
}

impl Dialect {
    /// The body of the request.
    pub(super) fn request(self, model: &str, question: &Question) -> Value {
        let Question { system, user, schema, answer_tokens_max } = question;
        // Where nothing holds the model to the schema, it is told. Some servers also insist on the word JSON.
        let system = match self.form {
            Form::JsonSchema | Form::JsonObjectWithSchema | Form::ToolCall => system.clone(),
            Form::JsonObject | Form::Words => {
                format!("{system}\n\nThe JSON Schema of the answer: {schema}")
            }
        };
        let mut request = json!({
            "model": model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        });
        let limit = if self.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
        request[limit] = json!(answer_tokens_max);
        if !self.own_temperature {
            request["temperature"] = json!(0);
        }
        match self.form {
            Form::JsonSchema => {
                let schema = json!({"name": NAME, "strict": true, "schema": schema});
                request["response_format"] = json!({"type": "json_schema", "json_schema": schema});
            }
            Form::JsonObjectWithSchema => {
                request["response_format"] = json!({"type": "json_object", "schema": schema});
            }
            Form::JsonObject => request["response_format"] = json!({"type": "json_object"}),
            Form::ToolCall => {
                let function =
                    json!({"name": NAME, "description": "Gives the answer.", "parameters": schema});
                request["tools"] = json!([{"type": "function", "function": function}]);
                request["tool_choice"] = json!({"type": "function", "function": {"name": NAME}});
            }
            Form::Words => {}
        }
        request
    }

    /// What to try after a complaint: without the parameter it names, else in the next form; none after the last.
    pub(super) fn next(self, complaint: &str) -> Option<Self> {
        if complaint.contains("temperature") && !self.own_temperature {
            return Some(Self { own_temperature: true, ..self });
        }
        if complaint.contains("max_completion_tokens") && !self.completion_tokens {
            return Some(Self { completion_tokens: true, ..self });
        }
        let form = match self.form {
            Form::JsonSchema => Form::JsonObjectWithSchema,
            Form::JsonObjectWithSchema => Form::JsonObject,
            Form::JsonObject => Form::ToolCall,
            Form::ToolCall => Form::Words,
            Form::Words => return None,
        };
        Some(Self { form, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(complaints: &[&str]) -> Vec<Value> {
        let question = Question {
            system: "S".into(),
            user: "U".into(),
            schema: json!({"type": "object"}),
            answer_tokens_max: 9,
        };
        let mut dialect = Dialect::default();
        let mut requests = vec![dialect.request("m", &question)];
        for complaint in complaints {
            dialect = dialect.next(complaint).unwrap();
            requests.push(dialect.request("m", &question));
        }
        requests
    }

    #[test]
    fn json_is_asked_for_in_five_forms_from_the_strictest_to_words() {
        let requests = requests(&["no"; 4]);
        let schema = json!({"name": "answer", "strict": true, "schema": {"type": "object"}});
        assert_eq!(
            requests[0],
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
                "max_tokens": 9,
                "temperature": 0,
                "response_format": {"type": "json_schema", "json_schema": schema},
            })
        );
        assert_eq!(
            requests[1]["response_format"],
            json!({"type": "json_object", "schema": {"type": "object"}})
        );
        assert_eq!(requests[2]["response_format"], json!({"type": "json_object"}));
        assert_eq!(requests[3]["tools"][0]["function"]["parameters"], json!({"type": "object"}));
        assert_eq!(requests[3]["tool_choice"]["function"]["name"], "answer");
        assert!(requests[4].get("response_format").is_none() && requests[4].get("tools").is_none());
        let system = requests[4]["messages"][0]["content"].as_str().unwrap();
        assert!(system.ends_with("The JSON Schema of the answer: {\"type\":\"object\"}"), "{system}");
    }

    #[test]
    fn there_is_no_form_after_words() {
        let words = ["no"; 4].iter().fold(Dialect::default(), |dialect, _| dialect.next("no").unwrap());
        assert_eq!(words.next("no"), None);
    }

    #[test]
    fn a_parameter_that_is_complained_of_is_put_otherwise_in_the_same_form() {
        let complaints = [
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "Unsupported value: 'temperature' does not support 0 with this model.",
        ];
        let last = requests(&complaints).pop().unwrap();
        assert_eq!(last["max_completion_tokens"], 9);
        assert!(last.get("max_tokens").is_none() && last.get("temperature").is_none());
        assert_eq!(last["response_format"]["type"], "json_schema");
    }
}
