import CKernels
import COneDNN

/// oneDNN in this process: whether its products can be used, and where not, why.
public enum OneDNN {
    /// Why products are OpenBLAS's; `nil` where oneDNN computes. Known from the first product on, and the same to the
    /// end: the kernel level has to be set before.
    public static let reasonAgainst: String? = {
        if let reason = fl_onednn_start(fl_level()) { return String(cString: reason) }
        return OneDNNCheck.failure(level: Int(fl_level())).map { "oneDNN's \($0) are not what plain loops give" }
    }()

    /// As in `2.6.3`; `nil` where the library is not loaded.
    public static var version: String? {
        _ = reasonAgainst
        return fl_onednn_version().map { String(cString: $0) }
    }

    static var isUsed: Bool { reasonAgainst == nil }

    /// Whether BF16 products have instructions of their own; below, they are f32 products of the same values.
    static var multipliesBF16: Bool { isUsed && fl_level() >= 4 }

    /// Ends the process where a product failed: it ran out of memory, or oneDNN has no primitive for a shape that its
    /// check has passed.
    static func expect(_ status: Int32, _ what: @autoclosure () -> String) {
        precondition(status == 0, "oneDNN failed with status \(status) at \(what())")
    }
}
