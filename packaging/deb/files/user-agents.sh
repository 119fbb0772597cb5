# What the package may do with the Keepsakes that people on this computer have running: only with those that their own service manager
# started from this very package, never with one that is not running. Part of postinst and prerm. A person whose manager does not
# answer costs some time, and nothing else.

user_agents() {
  for runtime in /run/user/*; do
    [ -S "$runtime/systemd/private" ] || continue
    uid="${runtime##*/}"
    gid="$(id -g "$uid" 2> /dev/null)" || continue
    timeout 90 setpriv --reuid "$uid" --regid "$gid" --init-groups \
      env -i PATH=/usr/bin:/bin XDG_RUNTIME_DIR="$runtime" KEEPSAKE_VERB="$1" sh -c '
        systemctl --user --no-ask-password daemon-reload
        unit="$(systemctl --user show --property=FragmentPath --value keepsake.service)"
        [ "$unit" = /usr/lib/systemd/user/keepsake.service ] || exit 0
        exec systemctl --user --no-ask-password $KEEPSAKE_VERB
      ' < /dev/null > /dev/null 2>&1 || true
  done
}
