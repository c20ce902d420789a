use std::sync::{Arc, LazyLock};

use super::check;
use super::data::NotificationData;
use super::error::{TemplateError, TemplateFileError};
use super::execute::{Executor, Output};
use super::notification_functions::{NotificationFunctions, names};
use super::syntax::{self, Defines, Syntax};
use super::value::{Bounded, Value};
use crate::model::nearest;

/// The named templates that receivers may use: the built-in ones overlaid by the user's files; cheap to clone.
#[derive(Clone, Debug)]
pub struct NotificationTemplates {
    defines: Arc<Defines>,
}

/// The files of the built-in templates.
const DEFAULT_FILES: [(&str, &str); 2] =
    [("default.tmpl", include_str!("default/default.tmpl")), ("email.tmpl", include_str!("default/email.tmpl"))];

/// The built-in templates, parsed; they are part of the program, and a test parses them.
static DEFAULTS: LazyLock<Defines> = LazyLock::new(|| {
    DEFAULT_FILES.iter().filter_map(|(_, text)| syntax::parse(text).ok()).flat_map(|syntax| syntax.defines).collect()
});

static FUNCTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(names);

impl NotificationTemplates {
    /// The built-in templates overlaid by those that `files` (path and text) define; later files win.
    ///
    /// # Errors
    ///
    /// The first file that is no template, or that calls an unknown function.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TemplateFileError> {
        let mut defines = DEFAULTS.clone();
        for (path, text) in files {
            let parsed = parse(text).map_err(|error| TemplateFileError { path: path.to_owned(), error })?;
            for (name, body) in parsed.defines {
                // As in Go, an empty body never replaces one that says something.
                if !body.is_empty_tree() || !defines.contains_key(&name) {
                    defines.insert(name, body);
                }
            }
        }
        Ok(NotificationTemplates { defines: Arc::new(defines) })
    }

    /// Parses a receiver's field without rendering it.
    ///
    /// # Errors
    ///
    /// Text that is no template, unknown functions and variables, calls of templates that nobody defines.
    pub fn check(&self, template: &str) -> Result<(), TemplateError> {
        if !template.contains("{{") {
            return Ok(());
        }
        let parsed = parse(template)?;
        let mut calls = Vec::new();
        check::calls(&parsed.main, &mut calls);
        for (name, offset) in calls {
            if !self.defines.contains_key(name) && !parsed.defines.contains_key(name) {
                let mut error = TemplateError::new(format!("template \"{name}\" not defined")).at(offset);
                let near = nearest(name, self.defines.keys().map(String::as_str));
                error.hint = near.map(|near| format!("did you mean `{near}`?"));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Renders a receiver's field as plain text.
    ///
    /// # Errors
    ///
    /// What [`NotificationTemplates::check`] finds, what fails at run time, and limits reached.
    pub fn text(&self, template: &str, data: &NotificationData) -> Result<String, TemplateError> {
        self.render(template, data, Output::Text(Bounded::default()))
    }

    /// Renders a receiver's field as HTML: values are escaped for their place, unless they come from `safeHtml` or `safeUrl`.
    ///
    /// # Errors
    ///
    /// As [`NotificationTemplates::text`].
    pub fn html(&self, template: &str, data: &NotificationData) -> Result<String, TemplateError> {
        self.render(template, data, Output::Html(Box::default()))
    }

    fn render(&self, template: &str, data: &NotificationData, output: Output) -> Result<String, TemplateError> {
        if !template.contains("{{") {
            return Ok(template.to_owned());
        }
        let Syntax { main, defines: own } = parse(template)?;
        let overlaid;
        let defines = if own.is_empty() {
            &*self.defines
        } else {
            let mut all = (*self.defines).clone();
            all.extend(own);
            overlaid = all;
            &overlaid
        };
        Executor::new(&NotificationFunctions(data), defines, output).run(&main, &Value::Data(data), &[])
    }
}

impl Default for NotificationTemplates {
    /// The built-in templates alone.
    fn default() -> Self {
        NotificationTemplates { defines: Arc::new(DEFAULTS.clone()) }
    }
}

fn parse(text: &str) -> Result<Syntax, TemplateError> {
    let parsed = syntax::parse(text)?;
    check::check(&parsed, &FUNCTIONS, &[])?;
    Ok(parsed)
}
