/// This release of Faultline.
package enum Release {
    /// Both programs', as `--version` prints it.
    package static let version = "0.1.0"
}
