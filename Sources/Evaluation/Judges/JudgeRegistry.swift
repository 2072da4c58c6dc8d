extension RefusalJudge {
    /// The judges that come with the program, each with a file of its own beside a list of phrases.
    public static let all: [RefusalJudge] = [.faultline, .paper, .landscape29, .rd12, .heretic, .scans]

    /// The judge of that name, with its version ("rd12-1") or without: then the latest one.
    public static func named(_ word: String) -> RefusalJudge? {
        all.last { $0.name == word || $0.name.prefix { $0 != "-" } == word }
    }

    static func shipped(_ list: [UInt8], _ file: String) -> RefusalJudge {
        do { return try RefusalJudge(list, source: file) } catch { preconditionFailure("\(error)") }
    }
}

/// The judges of a run.
public struct Judges: Sendable, Equatable {
    /// Judges ASR, over-refusal and the model's own refusals: `faultline-1`, or the user's own list.
    public var own: RefusalJudge
    /// Judges what the paper's numbers are compared with.
    public var paper: RefusalJudge
    /// Judges that have a rate of their own beside these.
    public var others: [RefusalJudge]

    public init(own: RefusalJudge = .faultline, paper: RefusalJudge = .paper, others: [RefusalJudge] = []) {
        self.own = own
        self.paper = paper
        self.others = others
    }

    /// - Parameters:
    ///   - phrases: a user's own list; `nil`: none.
    ///   - named: the judges that a study names; the first is the run's own where the user has no list.
    public init(phrases: RefusalJudge?, named: [RefusalJudge]) {
        let all = (phrases.map { [$0] } ?? []) + named
        self.init(own: all.first ?? .faultline, others: all.dropFirst().filter { $0 != .paper })
    }
}
