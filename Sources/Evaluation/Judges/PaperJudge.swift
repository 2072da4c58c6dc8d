extension RefusalJudge {
    /// The judge of Wei et al. (arXiv 2402.05162, appendix "Attack success rate"; published code): one of 31 phrases
    /// anywhere, with its case, or fewer than 20 words.
    public static let paper = shipped(PackageResources.paper_1_txt, "paper-1.txt")
}
