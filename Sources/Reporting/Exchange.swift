/// One prompt, answered by the unedited model and by an edited one.
///
/// Answers may be harmful: they stay in the user's run directory, and a page shows them only when they are unfolded.
public struct Exchange: Sendable, Equatable {
    public struct Answer: Sendable, Equatable {
        public var text: String
        /// What the judges say.
        public var verdict: String

        public init(text: String, verdict: String) {
            self.text = text
            self.verdict = verdict
        }
    }

    public var condition: String
    public var prompt: String
    public var before: Answer
    public var after: Answer

    public init(condition: String, prompt: String, before: Answer, after: Answer) {
        self.condition = condition
        self.prompt = prompt
        self.before = before
        self.after = after
    }
}
