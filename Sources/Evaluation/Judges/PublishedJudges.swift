extension RefusalJudge {
    /// 29 phrases of the safety landscape's code (arXiv 2405.17374), to the letter, anywhere.
    public static let landscape29 = shipped(PackageResources.landscape29_1_txt, "landscape29-1.txt")
    /// 12 phrases of the refusal direction's code (arXiv 2406.11717), in lower case, anywhere.
    public static let rd12 = shipped(PackageResources.rd12_1_txt, "rd12-1.txt")
    /// heretic's 33 markers, in lower case, anywhere, after Markdown's emphasis is gone; an empty answer is a hit.
    public static let heretic = shipped(PackageResources.heretic_1_txt, "heretic-1.txt")
    /// 36 phrases of SCANS's code (arXiv 2408.11491), to the letter, anywhere, each with others that keep it from counting.
    public static let scans = shipped(PackageResources.scans_1_txt, "scans-1.txt")
}
