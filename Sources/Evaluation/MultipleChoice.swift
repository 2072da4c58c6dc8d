public import Protocol

/// Zero-shot accuracy by log-likelihood, as EleutherAI's harness defines it (lm-eval 0.4.13, `TemplateLM._encode_pair` for
/// causal models and `HFLM._loglikelihood_tokens`).
///
/// The context's trailing spaces go to the choice. Context and choice are tokenised together; of that, what follows the
/// context's own token count is the choice, and before it stand the tokens of the context alone: where a tokenizer merges
/// across the border the model is given these, not the joint encoding. What is longer than the model reads loses its start:
/// the last `maximumLength` + 1 tokens stay. No token is added in front (no BOS).
public struct MultipleChoice: Sendable {
    public let documents: [TaskDocument]
    /// Sequences that are computed together: one group a question where its choices share a context, else one a choice.
    public let groups: [SequenceGroup]
    /// For every question, the indices of its choices' sequences among those of all groups.
    private let places: [[Int]]
    /// Questions whose start was cut off.
    public private(set) var shortened = 0

    /// - Parameters:
    ///   - maximumLength: the most tokens that are read of a context and its choice; the choice's last token is predicted,
    ///     never read, and so comes on top.
    ///   - batchTokens: what a group of choices that share a context may hold; `nil`: as much as one choice. Changes no more
    ///     than last bits.
    /// - Throws: `EvaluationError` naming the question; what `encode` throws.
    public init(_ documents: [TaskDocument], maximumLength: Int, batchTokens: Int? = nil, encode: Encode) throws {
        var groups: [SequenceGroup] = []
        var places: [[Int]] = []
        var count = 0
        for document in documents {
            let name = "\(document.task) \(document.id)"
            let choices = try document.choices.indices.map { choice in
                try Self.tokens(document, choice: choice, name: name, maximumLength: maximumLength, encode: encode)
            }
            let (own, indices) = Self.group(
                choices.map { ($0.tokens, $0.start) }, name: name, budget: batchTokens ?? maximumLength + 1)
            if choices.contains(where: \.isCut) { shortened += 1 }
            groups += own
            places.append(indices.map { $0 + count })
            count += own.reduce(0) { $0 + $1.sequences.count }
        }
        self.documents = documents
        self.groups = groups
        self.places = places
    }

    private static func tokens(
        _ document: TaskDocument, choice: Int, name: String, maximumLength: Int, encode: Encode
    ) throws -> (tokens: [Int32], start: Int, isCut: Bool) {
        let (context, continuation) = split(document.context(of: choice), document.choices[choice])
        let before = try encode(context)
        let own = try encode(context + continuation).dropFirst(before.count)
        guard !before.isEmpty else {
            throw EvaluationError(name, "its context is empty, so nothing predicts the choice")
        }
        guard !own.isEmpty else { throw EvaluationError(name, "choice \(choice) adds no token to its context") }
        guard own.count <= maximumLength else {
            throw EvaluationError(
                name, "choice \(choice) alone has \(own.count) tokens, the limit is \(maximumLength)")
        }
        let cut = max(0, before.count + own.count - maximumLength - 1)
        return (Array(before.dropFirst(cut)) + own, before.count - cut, cut > 0)
    }

    /// Moves the context's trailing spaces to the continuation.
    static func split(_ context: String, _ continuation: String) -> (String, String) {
        var scalars = Substring(context).unicodeScalars
        var spaces = Substring.UnicodeScalarView()
        while let last = scalars.last, PythonText.isSpace(last) {
            spaces.insert(last, at: spaces.startIndex)
            scalars.removeLast()
        }
        return (String(scalars), String(spaces) + continuation)
    }

    /// Shares the context among the choices where it is the same; a shared prefix costs its tokens once. Others stand alone,
    /// so that no batch has to hold all of them.
    /// - Returns: the groups, and every choice's index among their sequences.
    private static func group(
        _ choices: [(tokens: [Int32], start: Int)], name: String, budget: Int
    ) -> ([SequenceGroup], [Int]) {
        let common = choices.map(\.start).min()!
        let prefix = choices[0].tokens.prefix(common)
        let shared = choices.allSatisfy { $0.tokens.starts(with: prefix) }
        let total = prefix.count + choices.reduce(0) { $0 + $1.tokens.count - common }
        guard shared, total <= budget else {
            let groups = choices.map {
                SequenceGroup(name: name, sequences: [TokenSequence(tokens: $0.tokens, scoredFrom: $0.start)])
            }
            return (groups, Array(choices.indices))
        }
        var sequences = [TokenSequence(tokens: Array(prefix), scoredFrom: prefix.count)]
        for choice in choices {
            sequences.append(
                .init(tokens: Array(choice.tokens[common...]), scoredFrom: choice.start - common, prefix: 0))
        }
        return ([SequenceGroup(name: name, sequences: sequences)], Array(1...choices.count))
    }

    /// What one question came to.
    public struct Result: Sendable, Equatable {
        /// Σ log p of every choice.
        public var sums: [Double]
        public var isRight: Bool
        /// With every sum divided by the choice's length in characters, its leading space aside.
        public var isRightNormalised: Bool

        public init(sums: [Double], isRight: Bool, isRightNormalised: Bool) {
            self.sums = sums
            self.isRight = isRight
            self.isRightNormalised = isRightNormalised
        }
    }

    /// - Parameter scores: of the groups' sequences, in order.
    public func results(_ scores: [SequenceScore]) -> [Result] {
        precondition(
            scores.count == groups.reduce(0) { $0 + $1.sequences.count }, "\(scores.count) scores for the sequences")
        return zip(documents, places).map { document, places in
            let sums = places.map { scores[$0].sum }
            let normalised = zip(sums, document.choices).map { sum, choice in
                // The space between context and choice is not the choice's own.
                sum / Double(max(1, PythonText.length(choice) - (choice.utf8.first == 32 ? 1 : 0)))
            }
            return Result(
                sums: sums, isRight: Self.best(sums) == document.label,
                isRightNormalised: Self.best(normalised) == document.label)
        }
    }

    /// Index of the largest value, the first where several are.
    private static func best(_ values: [Double]) -> Int {
        values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
    }
}

/// Accuracy of one task.
public struct TaskAccuracy: Sendable, Equatable, Codable {
    public var task: String
    public var accuracy: Estimate
    public var normalisedAccuracy: Estimate

    public init(task: String, accuracy: Estimate, normalisedAccuracy: Estimate) {
        self.task = task
        self.accuracy = accuracy
        self.normalisedAccuracy = normalisedAccuracy
    }

    /// Mean acc over tasks, which are independent of each other.
    public static func mean(_ tasks: [TaskAccuracy]) -> Estimate {
        let n = Double(tasks.count)
        return Estimate(
            value: tasks.reduce(0) { $0 + $1.accuracy.value } / n,
            standardError: tasks.reduce(0) { $0 + $1.accuracy.standardError * $1.accuracy.standardError }
                .squareRoot() / n, count: tasks.reduce(0) { $0 + $1.accuracy.count })
    }

    /// One entry a task, in order of their first question.
    public static func all(_ questions: MultipleChoice, _ results: [MultipleChoice.Result]) -> [TaskAccuracy] {
        var order: [String] = []
        var byTask: [String: [MultipleChoice.Result]] = [:]
        for (document, result) in zip(questions.documents, results) {
            if byTask[document.task] == nil { order.append(document.task) }
            byTask[document.task, default: []].append(result)
        }
        return order.map { task in
            TaskAccuracy(
                task: task, accuracy: Estimate(rateOf: byTask[task]!.map(\.isRight)),
                normalisedAccuracy: Estimate(rateOf: byTask[task]!.map(\.isRightNormalised)))
        }
    }
}
