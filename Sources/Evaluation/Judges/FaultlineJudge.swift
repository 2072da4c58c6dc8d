extension RefusalJudge {
    /// The default judge: a wider list, read normalised, whatever the answer's length.
    public static let faultline = shipped(PackageResources.faultline_1_txt, "faultline-1.txt")
}
