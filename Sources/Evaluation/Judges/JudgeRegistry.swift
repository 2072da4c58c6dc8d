extension RefusalJudge {
    /// The judges that come with the program, each with a file of its own beside a list of phrases.
    public static let all: [RefusalJudge] = [.faultline, .paper]

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

    public init(own: RefusalJudge = .faultline, paper: RefusalJudge = .paper) {
        self.own = own
        self.paper = paper
    }
}
