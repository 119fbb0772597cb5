// What the owner can ask for with one click, in the tray or on a notification. The agent grants it.

export type OwnerWish =
  /** Save from every connected device that photos are saved from, and copy to every attached drive; also while it is paused. */
  | { readonly kind: 'saveNow' }
  /** `always`: save its photos now and each time. */
  | { readonly kind: 'decide'; readonly device: string; readonly decision: 'always' | 'never' }
  | { readonly kind: 'saveOnce'; readonly device: string }
  | { readonly kind: 'snooze'; readonly device: string; readonly days: number }
  | { readonly kind: 'pause'; readonly until: 'inAnHour' | 'tomorrow' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'ejectDrive'; readonly drive: string }
  | { readonly kind: 'openPhotoFolder' }
  /** Until the owner logs in again. */
  | { readonly kind: 'stop' };
